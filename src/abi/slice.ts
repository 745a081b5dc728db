/** Time slice extension of restartable sequences (7.0). */

/** prctl(2) option (include/uapi/linux/prctl.h). */
export const PR_RSEQ_SLICE_EXTENSION = 79;

/** Its second argument, and the bit of its third. */
export const PR_RSEQ_SLICE = { GET: 1n, SET: 2n, ENABLE: 1n } as const;

/** Bits of rseq.flags that the kernel writes (include/uapi/linux/rseq.h, enum rseq_cs_flags). */
export const SLICE_EXT = { AVAILABLE: 1 << 4, ENABLED: 1 << 5 } as const;

/** How long a granted extension lasts: debugfs rseq/slice_ext_nsec, as it is by default (kernel/rseq.c rseq_slice_ext_nsecs). */
export const RSEQ_SLICE_NANOSECONDS = 5000;
