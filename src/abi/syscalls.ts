/** Numbers of the system calls, prctl operations. */
import type { Architecture } from './architecture.js';

/** The number of rseq(2). */
export interface SyscallNumber {
  readonly rseq: number;
  readonly note?: string;
  readonly source: string;
}

const GENERIC: SyscallNumber = { rseq: 293, source: 'include/uapi/asm-generic/unistd.h' };

const table = (rseq: number, path: string, note?: string): SyscallNumber => ({
  rseq,
  source: path,
  ...(note === undefined ? {} : { note }),
});

/** rseq(2), since 4.18. */
export const RSEQ_SYSCALL: Readonly<Record<Architecture, SyscallNumber>> = {
  'x86-64': table(334, 'arch/x86/entry/syscalls/syscall_64.tbl'),
  i386: table(386, 'arch/x86/entry/syscalls/syscall_32.tbl'),
  aarch64: GENERIC,
  arm: table(398, 'arch/arm/tools/syscall.tbl'),
  ppc64: table(387, 'arch/powerpc/kernel/syscalls/syscall.tbl'),
  ppc: table(387, 'arch/powerpc/kernel/syscalls/syscall.tbl'),
  s390x: table(383, 'arch/s390/kernel/syscalls/syscall.tbl'),
  s390: table(383, 'arch/s390/kernel/syscalls/syscall.tbl'),
  riscv64: GENERIC,
  riscv32: GENERIC,
  mips: table(4367, 'arch/mips/kernel/syscalls/syscall_o32.tbl', 'o32; n64 5327, n32 6331'),
  loongarch64: GENERIC,
};

/** rseq_slice_yield(2), since 7.0; the number of the common table (mips adds its base). */
export const RSEQ_SLICE_YIELD_SYSCALL = 471;

/** A constant of prctl(2). */
export interface PrctlConstant {
  readonly name: string;
  readonly value: number;
  readonly comment: string;
  readonly source: string;
}

/** The time slice extension, by prctl(2). */
export const RSEQ_PRCTL: readonly PrctlConstant[] = [
  {
    name: 'PR_RSEQ_SLICE_EXTENSION',
    value: 79,
    comment: 'the operation; since 7.0',
    source: 'include/uapi/linux/prctl.h',
  },
  {
    name: 'PR_RSEQ_SLICE_EXTENSION_GET',
    value: 1,
    comment: 'second argument; the third must be 0',
    source: 'include/uapi/linux/prctl.h; kernel/rseq.c rseq_slice_extension_prctl',
  },
  {
    name: 'PR_RSEQ_SLICE_EXTENSION_SET',
    value: 2,
    comment:
      'second argument. EINVAL: unknown bits in the third; ENOTSUPP: off at boot, or registered with length 32; ENXIO: no registration',
    source: 'include/uapi/linux/prctl.h; kernel/rseq.c rseq_slice_extension_prctl',
  },
  {
    name: 'PR_RSEQ_SLICE_EXT_ENABLE',
    value: 1,
    comment: 'third argument of SET; result of GET',
    source: 'include/uapi/linux/prctl.h',
  },
];

/** Interfaces around rseq and the kernel that brought each. */
export const RSEQ_INTERFACES = [
  { name: 'rseq(2)', since: '4.18', source: 'kernel/rseq.c' },
  { name: 'membarrier PRIVATE_EXPEDITED_RSEQ', since: '5.10', source: 'kernel/sched/membarrier.c' },
  { name: 'PTRACE_GET_RSEQ_CONFIGURATION', since: '5.13', source: 'kernel/ptrace.c (90f093fa8ea4)' },
  { name: 'AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN', since: '6.3', source: 'fs/binfmt_elf.c create_elf_tables' },
  {
    name: 'rseq_debug= and debugfs rseq/debug, rseq/stats',
    since: '6.19',
    source: 'kernel/rseq.c rseq_setup_debug, rseq_debugfs_init',
  },
  {
    name: 'rseq_slice_yield(2), prctl PR_RSEQ_SLICE_EXTENSION',
    since: '7.0',
    source: 'kernel/rseq.c rseq_slice_extension_prctl',
  },
] as const;
