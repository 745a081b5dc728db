/** O_* (include/uapi/asm-generic/fcntl.h). */
export const O = {
  ACCMODE: 3,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECT: 0o40000,
  LARGEFILE: 0o100000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;

/** S_IFMT (include/uapi/linux/stat.h). */
export const S = {
  FIFO: 0o010000,
  CHARACTER: 0o020000,
  DIRECTORY: 0o040000,
  REGULAR: 0o100000,
  LINK: 0o120000,
} as const;

/** F_SEAL_*: include/uapi/linux/fcntl.h. */
export const SEAL = { SEAL: 1, SHRINK: 2, GROW: 4, WRITE: 8, FUTURE_WRITE: 16 } as const;
