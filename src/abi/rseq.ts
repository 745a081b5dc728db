/** struct rseq, struct rseq_cs and the words in them, as of the UAPI header of Linux 7.x. */
import type { Flag } from './flags.js';
import { defineLayout, type LayoutValue } from './layout.js';

const UAPI = 'include/uapi/linux/rseq.h';

export const RSEQ_FLAG_UNREGISTER = 1 << 0;
export const RSEQ_FLAG_SLICE_EXT_DEFAULT_ON = 1 << 1;

/** Flags of the system call rseq(2). */
export const RSEQ_SYSCALL_FLAGS = [
  {
    name: 'RSEQ_FLAG_UNREGISTER',
    value: RSEQ_FLAG_UNREGISTER,
    since: '4.18',
    comment: 'unregister the area of the calling thread',
    source: `${UAPI}, enum rseq_flags`,
  },
  {
    name: 'RSEQ_FLAG_SLICE_EXT_DEFAULT_ON',
    value: RSEQ_FLAG_SLICE_EXT_DEFAULT_ON,
    since: '7.0',
    comment: 'enable the time slice extension at registration (length above 32 only)',
    source: `${UAPI}, enum rseq_flags`,
  },
] as const satisfies readonly Flag[];

/** Bits of `rseq_cs.flags`; a descriptor with any of them set dies on 6.0-6.18 when it is interrupted. */
export const RSEQ_CS_FLAGS = [
  {
    name: 'RSEQ_CS_FLAG_NO_RESTART_ON_PREEMPT',
    value: 1 << 0,
    since: '4.18',
    comment: 'no abort on preemption; honoured up to 5.19, fatal in 6.0-6.18',
    source: `${UAPI}, enum rseq_cs_flags; kernel/rseq.c rseq_need_restart`,
  },
  {
    name: 'RSEQ_CS_FLAG_NO_RESTART_ON_SIGNAL',
    value: 1 << 1,
    since: '4.18',
    comment: 'no abort on a signal; honoured up to 5.19 only together with the two others, fatal in 6.0-6.18',
    source: `${UAPI}, enum rseq_cs_flags; kernel/rseq.c rseq_need_restart`,
  },
  {
    name: 'RSEQ_CS_FLAG_NO_RESTART_ON_MIGRATE',
    value: 1 << 2,
    since: '4.18',
    comment: 'no abort on migration; honoured up to 5.19, fatal in 6.0-6.18',
    source: `${UAPI}, enum rseq_cs_flags; kernel/rseq.c rseq_need_restart`,
  },
] as const satisfies readonly Flag[];

/** The three NO_RESTART bits together. */
export const RSEQ_CS_NO_RESTART_FLAGS = 0x7;

/** Bits of `rseq.flags`: the NO_RESTART bits for all sections of the thread, and since 7.0 two status bits. */
export const RSEQ_AREA_FLAGS = [
  ...RSEQ_CS_FLAGS,
  {
    name: 'RSEQ_CS_FLAG_SLICE_EXT_AVAILABLE',
    value: 1 << 4,
    since: '7.0',
    comment: 'written by the kernel: time slice extension can be enabled for this thread',
    source: `${UAPI}; kernel/rseq.c rseq_register`,
  },
  {
    name: 'RSEQ_CS_FLAG_SLICE_EXT_ENABLED',
    value: 1 << 5,
    since: '7.0',
    comment: 'written by the kernel: time slice extension is enabled for this thread',
    source: `${UAPI}; kernel/rseq.c rseq_slice_extension_prctl`,
  },
] as const satisfies readonly Flag[];

/** Values of `cpu_id` that are no CPU number, as the unsigned words they are in memory. */
export const RSEQ_CPU_ID_UNINITIALIZED = 0xffff_ffff;
export const RSEQ_CPU_ID_REGISTRATION_FAILED = 0xffff_fffe;

/** The same two with their meaning, for printing. */
export const RSEQ_CPU_ID_STATES = [
  {
    name: 'RSEQ_CPU_ID_UNINITIALIZED',
    value: RSEQ_CPU_ID_UNINITIALIZED,
    comment: '-1: no registration (yet, or any more)',
    source: `${UAPI}, enum rseq_cpu_id_state`,
  },
  {
    name: 'RSEQ_CPU_ID_REGISTRATION_FAILED',
    value: RSEQ_CPU_ID_REGISTRATION_FAILED,
    comment: '-2: written by the C library when rseq(2) failed or was switched off',
    source: `${UAPI}, enum rseq_cpu_id_state`,
  },
] as const;

/** Entries of the auxiliary vector by which the kernel (6.3 and newer) announces its struct rseq. */
export const AT_RSEQ_FEATURE_SIZE = 27;
export const AT_RSEQ_ALIGN = 28;

/** The size every kernel accepts, in bytes: the original struct, padding included. */
export const RSEQ_ORIG_SIZE = 32;

/** Active bytes of struct rseq: up to and including the last field the kernel serves. */
export const RSEQ_FEATURE_SIZES = [
  { size: 20, since: '4.18', last: 'flags', source: `${UAPI}; no AT_RSEQ_FEATURE_SIZE before 6.3` },
  { size: 28, since: '6.3', last: 'mm_cid', source: `${UAPI}; getauxval(AT_RSEQ_FEATURE_SIZE) = 28 on 6.18` },
  {
    size: 33,
    since: '7.0',
    last: '__reserved',
    source: `${UAPI}; checkpoint-restore/criu pull request 3007`,
  },
] as const;

/** One of RSEQ_FEATURE_SIZES, in bytes. */
export type RseqFeatureSize = (typeof RSEQ_FEATURE_SIZES)[number]['size'];

/** The thread's area, shared with the kernel. */
export const RSEQ = defineLayout('struct rseq', {
  size: 64,
  align: 64,
  source: `${UAPI}; 32 bytes aligned to 32 before 7.0`,
  fields: [
    {
      name: 'cpu_id_start',
      type: 'u32',
      offset: 0,
      writtenBy: 'kernel',
      comment: 'always a possible CPU number; compare with cpu_id inside the section',
      special: RSEQ_CPU_ID_STATES,
    },
    {
      name: 'cpu_id',
      type: 'u32',
      offset: 4,
      writtenBy: 'kernel',
      comment: 'current CPU, or a special value while not registered',
      special: RSEQ_CPU_ID_STATES,
    },
    {
      name: 'rseq_cs',
      type: 'u64',
      offset: 8,
      writtenBy: 'both',
      show: 'pointer',
      comment:
        'user space sets the address of the active descriptor, the kernel clears it; 32-bit processes write the low half',
    },
    {
      name: 'flags',
      type: 'u32',
      offset: 16,
      writtenBy: 'both',
      flags: RSEQ_AREA_FLAGS,
      comment: '0 up to 6.19; since 7.0 the kernel writes the SLICE_EXT bits',
    },
    {
      name: 'node_id',
      type: 'u32',
      offset: 20,
      since: '6.3',
      writtenBy: 'kernel',
      comment: 'NUMA node of cpu_id',
    },
    {
      name: 'mm_cid',
      type: 'u32',
      offset: 24,
      since: '6.3',
      writtenBy: 'kernel',
      comment: 'concurrency id: unique among the running threads of the process, as small as it can be',
    },
    {
      name: 'slice_ctrl.request',
      type: 'u8',
      offset: 28,
      since: '7.0',
      writtenBy: 'both',
      comment: 'user space asks for more time; the kernel clears it with the grant',
    },
    {
      name: 'slice_ctrl.granted',
      type: 'u8',
      offset: 29,
      since: '7.0',
      writtenBy: 'kernel',
      comment: 'the time slice was extended: call rseq_slice_yield() when done',
    },
    {
      name: 'slice_ctrl.__reserved',
      type: 'u16',
      offset: 30,
      since: '7.0',
      writtenBy: 'nobody',
      comment: 'zero',
    },
    {
      name: '__reserved',
      type: 'u8',
      offset: 32,
      since: '7.0',
      writtenBy: 'nobody',
      comment:
        'only there so that the feature size is 33 and not 32, which would look like the original size',
    },
  ],
});

/** A struct rseq, read. */
export type RseqValue = LayoutValue<(typeof RSEQ)['fields'][number]>;

/** The descriptor of a section. */
export const RSEQ_CS = defineLayout('struct rseq_cs', {
  size: 32,
  align: 32,
  source: `${UAPI}, struct rseq_cs`,
  fields: [
    { name: 'version', type: 'u32', offset: 0, writtenBy: 'user', comment: '0; nothing else is defined' },
    {
      name: 'flags',
      type: 'u32',
      offset: 4,
      writtenBy: 'user',
      flags: RSEQ_CS_FLAGS,
      comment: '0; see the NO_RESTART flags',
    },
    {
      name: 'start_ip',
      type: 'u64',
      offset: 8,
      writtenBy: 'user',
      show: 'hex',
      comment: 'first instruction of the section',
    },
    {
      name: 'post_commit_offset',
      type: 'u64',
      offset: 16,
      writtenBy: 'user',
      comment: 'bytes from start_ip to the instruction after the commit',
      show: 'hex',
    },
    {
      name: 'abort_ip',
      type: 'u64',
      offset: 24,
      writtenBy: 'user',
      show: 'hex',
      comment: 'where an interrupted section continues; the signature stands in the 4 bytes before it',
    },
  ],
});

/** A struct rseq_cs, read. */
export type RseqCsValue = LayoutValue<(typeof RSEQ_CS)['fields'][number]>;
