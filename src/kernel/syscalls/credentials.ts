import { Errno } from '../errno.js';
import { type Call, type Calls, int, unsigned } from './call.js';

/** Everybody is root, and there is nobody else: other numbers are as in a user namespace that does not map them. */
const ROOT = 0;
const UNCHANGED = 0xffff_ffff;

const get = (): number => ROOT;

/** For calls that take ids, of which each must be root or, where it may be left out, -1. EINVAL. */
const set =
  (count: number, optional: boolean) =>
  ({ arguments: args }: Call): number => {
    for (const id of args.slice(0, count).map(unsigned))
      if (id !== ROOT && !(optional && id === UNCHANGED)) throw new Errno('EINVAL');
    return 0;
  };

const getThree = ({ memory, arguments: args }: Call): number => {
  for (const address of args.slice(0, 3)) memory.setU32(address, ROOT);
  return 0;
};

/** _LINUX_CAPABILITY_VERSION_3. */
const CAPABILITIES = 0x2008_0522;
/** CAP_LAST_CAP is 40. */
const ALL = [0xffff_ffff, 0x1ff] as const;

export const CREDENTIALS: Calls = {
  getuid: get,
  geteuid: get,
  getgid: get,
  getegid: get,
  getresuid: getThree,
  getresgid: getThree,
  setuid: set(1, false),
  setgid: set(1, false),
  setreuid: set(2, true),
  setregid: set(2, true),
  setresuid: set(3, true),
  setresgid: set(3, true),
  // They return what was before, whatever happens.
  setfsuid: get,
  setfsgid: get,
  getgroups: ({ arguments: [count] }) => {
    if (int(count) < 0) throw new Errno('EINVAL');
    return 0;
  },
  setgroups: ({ arguments: [count] }) => {
    if (unsigned(count) !== 0) throw new Errno('EINVAL');
    return 0;
  },
  capget: ({ memory, arguments: [header, data] }) => {
    if (memory.u32(header!) !== CAPABILITIES) {
      memory.setU32(header!, CAPABILITIES);
      if (data === 0n) return 0;
      throw new Errno('EINVAL');
    }
    if (data === 0n) return 0;
    // effective, permitted, inheritable, for the low and the high half.
    const words = ALL.flatMap((all) => [all, all, 0]);
    memory.write(data!, new Uint8Array(new Uint32Array(words).buffer));
    return 0;
  },
  capset: () => 0,
};
