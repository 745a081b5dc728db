/** `import ... from 'rseqlab/annotate'`: system calls that a program has annotated (include/rseqlab_syscall.h), served from TypeScript. */

export type { AnnotatedCall, CallAction, CallEnd } from '../../event/annotated.js';
export { type AnnotateEnd, type AnnotateOptions, annotate } from './annotate.js';
export { type Sweep, type SweepOptions, type SweepRun, sweep } from './sweep.js';
