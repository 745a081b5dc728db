import { rseqCall } from '../rseq/registration.js';
import { sliceYield } from '../rseq/slice.js';
import { type Calls, int, unsigned } from './call.js';

/** rseq(2) and what belongs to it. */
export const RSEQ_CALLS: Calls = {
  rseq: ({ kernel, task, arguments: [address, length, flags, signature] }) =>
    rseqCall(kernel, task, address!, unsigned(length), int(flags), unsigned(signature)),
  rseq_slice_yield: ({ kernel, task }) => sliceYield(kernel, task),
};
