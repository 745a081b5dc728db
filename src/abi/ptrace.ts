/** The one interface that tells what a thread has registered. */
import { defineLayout, type LayoutValue } from './layout.js';

/** ptrace request, since 5.13. addr = size of the buffer, data = the buffer; the tracee must be stopped. */
export const PTRACE_GET_RSEQ_CONFIGURATION = 0x420f;

export const PTRACE_RSEQ_CONFIGURATION = defineLayout('struct ptrace_rseq_configuration', {
  size: 24,
  align: 8,
  source: 'include/uapi/linux/ptrace.h; kernel/ptrace.c ptrace_get_rseq_configuration (90f093fa8ea4)',
  fields: [
    {
      name: 'rseq_abi_pointer',
      type: 'u64',
      offset: 0,
      writtenBy: 'kernel',
      show: 'pointer',
      comment: 'address of struct rseq, 0 when the thread has none',
    },
    {
      name: 'rseq_abi_size',
      type: 'u32',
      offset: 8,
      writtenBy: 'kernel',
      comment: 'length it was registered with (32 before 6.3)',
    },
    {
      name: 'signature',
      type: 'u32',
      offset: 12,
      writtenBy: 'kernel',
      show: 'hex',
      comment: 'registered signature',
    },
    { name: 'flags', type: 'u32', offset: 16, writtenBy: 'kernel', comment: '0' },
    { name: 'pad', type: 'u32', offset: 20, writtenBy: 'kernel', comment: '0' },
  ],
});

/** A struct ptrace_rseq_configuration, read. */
export type PtraceRseqConfiguration = LayoutValue<(typeof PTRACE_RSEQ_CONFIGURATION)['fields'][number]>;
