/** What a program says of its next system call: include/rseqlab_syscall.h. An interface of rseqlab's, not of the kernel. */
import { defineLayout, type LayoutValue } from './layout.js';

/** enum rseqlab_actions. */
export const ANNOTATION_ACTION = { TRACE: 1, FAIL: 2, RETURN: 4, DELAY: 8 } as const;

/** The ELF section with the places of annotated calls: 32-bit distances from each word to where its call returns to. */
export const CALL_SITES_SECTION = '__rseqlab_syscall';

export const ANNOTATION = defineLayout('struct rseqlab_annotation', {
  size: 32,
  align: 8,
  source: 'include/rseqlab_syscall.h',
  fields: [
    {
      name: 'actions',
      type: 'u32',
      offset: 0,
      writtenBy: 'user',
      comment: 'what is to be done with the call',
      show: 'hex',
    },
    { name: 'error', type: 'i32', offset: 4, writtenBy: 'user', comment: 'errno of RSEQLAB_FAIL' },
    {
      name: 'value',
      type: 'u64',
      offset: 8,
      writtenBy: 'user',
      show: 'hex',
      comment: 'result of RSEQLAB_RETURN',
    },
    { name: 'delay_ns', type: 'u64', offset: 16, writtenBy: 'user', comment: 'of RSEQLAB_DELAY' },
    {
      name: 'cookie',
      type: 'u64',
      offset: 24,
      writtenBy: 'user',
      show: 'hex',
      comment: 'comes back in what is told',
    },
  ],
});

/** Of a thread: the register rbx (x19 on arm64) holds its address when the call is made. */
export const DESCRIPTOR = defineLayout('struct rseqlab_descriptor', {
  size: 24,
  align: 8,
  source: 'include/rseqlab_syscall.h',
  fields: [
    {
      name: 'annotation',
      type: 'u64',
      offset: 0,
      writtenBy: 'user',
      show: 'pointer',
      comment: 'of the next call',
    },
    { name: 'call', type: 'u64', offset: 8, writtenBy: 'user', comment: "which of the thread's calls it is" },
    { name: 'calls', type: 'u64', offset: 16, writtenBy: 'user', comment: 'calls so far' },
  ],
});

/** A struct rseqlab_annotation, read. */
export type Annotation = LayoutValue<(typeof ANNOTATION)['fields'][number]>;
