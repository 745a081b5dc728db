import { SYSCALLS_AARCH64 } from '../../abi/syscalls-aarch64.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import { resetFloat } from '../../machine/state.js';
import { failure } from '../errno.js';
import { O } from '../files/flags.js';
import { FS_BASE, RIP } from '../registers.js';
import type { Task } from '../state.js';
import { CONVENTION_AARCH64 } from './aarch64-convention.js';
import { MONITOR, pstate, SP, X, X0, X7, X8, X19 } from './aarch64-registers.js';
import { REGISTER_SETS_AARCH64 } from './aarch64-user.js';
import type { Arch } from './arch.js';

const SIZE_OF_SVC = 4n;
const NO_CALL = 0xffff_ffffn;
/** HWCAP_FP, _ASIMD, _CRC32, _ATOMICS (arch/arm64/include/uapi/asm/hwcap.h). */
const HWCAP = 0x1n | 0x2n | 0x80n | 0x100n;

/** O_* that arch/arm64/include/uapi/asm/fcntl.h numbers otherwise than asm-generic/fcntl.h does. */
const OPEN_FLAGS = [
  { own: O.DIRECTORY, theirs: 0o40000 },
  { own: O.NOFOLLOW, theirs: 0o100000 },
  { own: O.DIRECT, theirs: 0o200000 },
  { own: O.LARGEFILE, theirs: 0o400000 },
] as const;
const moved = (flags: number, from: 'own' | 'theirs', to: 'own' | 'theirs'): number =>
  OPEN_FLAGS.reduce(
    (all, row) => all | ((flags & row[from]) === 0 ? 0 : row[to]),
    flags & ~OPEN_FLAGS.reduce((all, row) => all | row[from], 0),
  );

/** nop; mov x8, #139; svc #0: as __kernel_rt_sigreturn has it (arch/arm64/kernel/vdso/sigreturn.S), so that unwinders know it. */
const SIGRETURN = [0xd503_201f, 0xd280_1168, 0xd400_0001];

export const AARCH64: Arch = {
  name: 'aarch64',
  convention: CONVENTION_AARCH64,
  platform: 'aarch64',
  hwcap: HWCAP,
  taskSize: TASK_SIZE.aarch64.usual,
  threadPointerLimit: undefined,
  signalStack: { least: 5120n, frame: 4720n },
  syscalls: SYSCALLS_AARCH64,
  // CONFIG_CLONE_BACKWARDS
  cloneArguments: ['flags', 'stack', 'parentTid', 'tls', 'childTid'],
  stackPointer: SP,
  arguments: X.slice(0, 6),
  result: X0,
  // arch/arm64/kernel/ptrace.c report_syscall()
  direction: X7,
  descriptor: X19,
  sigreturn: { code: new Uint8Array(new Uint32Array(SIGRETURN).buffer), start: 4 },
  openFlags: {
    read: (flags) => moved(flags, 'theirs', 'own'),
    show: (flags) => moved(flags, 'own', 'theirs'),
  },
  registerSets: REGISTER_SETS_AARCH64,
  hasUserArea: false,
  audit: 0xc000_00b7,

  /** arch/arm64/kernel/syscall.c el0_svc_common(): x0 stays until there is a result. */
  enterCall(task: Task): void {
    const { registers } = task;
    task.call = BigInt.asUintN(32, registers[X8]!);
    task.argument = registers[X0]!;
    if (task.call === NO_CALL) registers[X0] = BigInt.asUintN(64, BigInt(failure('ENOSYS')));
  },

  /** arch/arm64/kernel/signal.c do_signal(), setup_restart_syscall(). */
  rewind({ registers, argument }: Task, other: number | undefined): void {
    registers[X0] = argument;
    registers[RIP]! -= SIZE_OF_SVC;
    if (other !== undefined) registers[X8] = BigInt(other);
  },

  reset(registers: BigUint64Array): void {
    registers.fill(0n);
    resetFloat(new DataView(registers.buffer));
  },

  /** start_thread(). */
  begin({ registers }: Task, entry: number, stack: number): void {
    this.reset(registers);
    registers[RIP] = BigInt(entry);
    registers[SP] = BigInt(stack);
  },

  /** An exception return clears the monitor (Arm ARM B2.12). */
  entered({ registers }: Task): void {
    registers[MONITOR] = 0n;
  },

  /** single_step_handler() says nothing of a syndrome. */
  stepped: () => {},

  hasMonitor: true,

  /** struct stat (include/uapi/asm-generic/stat.h). */
  stat({ inode, links, mode, uid, gid, device: [major, minor], size, pages }, times): Uint8Array {
    const words = [
      1n,
      BigInt(inode),
      BigInt(mode) | (BigInt(links) << 32n),
      BigInt(uid) | (BigInt(gid) << 32n),
      BigInt((major << 8) | minor),
      0n,
      BigInt(size),
      4096n,
      BigInt(pages * 8),
      ...times,
      0n,
    ];
    return new Uint8Array(new BigUint64Array(words).buffer);
  },

  named(task: Task) {
    const { registers } = task;
    return [
      ...X.map((register, n) => [`x${n}`, registers[register]!] as const),
      ['sp', registers[SP]!],
      ['pc', registers[RIP]!],
      ['pstate', pstate(task)],
      ['tpidr_el0', registers[FS_BASE]!],
    ];
  },
};
