/** How many arguments system calls of x86-64 take, for those that programs make often (include/linux/syscalls.h). All six registers are there in any case. */
const ROWS: readonly (readonly [count: number, names: string])[] = [
  [
    0,
    'getpid getppid gettid getuid geteuid getgid getegid sched_yield fork vfork pause rt_sigreturn restart_syscall sync setsid getpgrp rseq_slice_yield',
  ],
  [
    1,
    'close brk exit exit_group set_tid_address pipe dup uname umask alarm times time eventfd chdir fchdir rmdir unlink sysinfo getpgid sched_get_priority_max sched_get_priority_min epoll_create1 fsync fdatasync syncfs unshare',
  ],
  [
    2,
    'stat fstat lstat munmap nanosleep kill tkill dup2 getcwd access gettimeofday getrlimit setrlimit getrusage arch_prctl clock_gettime clock_getres set_robust_list pipe2 eventfd2 sigaltstack rt_sigsuspend rt_sigpending clone3 getitimer link rename mkdir creat statfs fstatfs listen truncate ftruncate memfd_create symlink chmod fchmod fchmodat',
  ],
  [
    3,
    'read write open lseek mprotect ioctl readv writev poll execve tgkill getrandom sched_getaffinity sched_setaffinity getcpu membarrier madvise readlink fcntl dup3 setitimer get_robust_list getdents64 mincore unlinkat faccessat socket connect accept bind sendmsg recvmsg chown fchown mkdirat getsockname getpeername',
  ],
  [
    4,
    'pread64 pwrite64 rt_sigaction rt_sigprocmask wait4 prlimit64 rseq openat newfstatat readlinkat clock_nanosleep ptrace rt_sigtimedwait rt_sigqueueinfo faccessat2 socketpair accept4 epoll_ctl epoll_wait renameat fallocate sendfile',
  ],
  [
    5,
    'clone mremap prctl ppoll statx waitid select execveat getsockopt setsockopt renameat2 linkat fchownat',
  ],
  [6, 'mmap futex pselect6 sendto recvfrom splice copy_file_range epoll_pwait'],
];

const COUNTS: ReadonlyMap<string, number> = new Map(
  ROWS.flatMap(([count, names]) => names.split(' ').map((name) => [name, count] as const)),
);

/** Undefined where the table does not have the call. */
export const argumentCount = (name: string): number | undefined => COUNTS.get(name);
