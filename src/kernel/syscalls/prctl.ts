import { PR_RSEQ_SLICE_EXTENSION } from '../../abi/slice.js';
import { Errno } from '../errno.js';
import { slicePrctl } from '../rseq/slice.js';
import { type Call, type Calls, int } from './call.js';

/** prctl(2) by its option (include/uapi/linux/prctl.h); what is not here is EINVAL, as for the kernel. */
const OPTIONS: Readonly<Record<number, (call: Call) => number>> = {
  [PR_RSEQ_SLICE_EXTENSION]: ({ kernel, task, arguments: args }) =>
    slicePrctl(kernel, task, args.slice(1, 5) as [bigint, bigint, bigint, bigint]),
};

export const PRCTL: Calls = {
  prctl: (call) => {
    const option = OPTIONS[int(call.arguments[0])];
    if (option === undefined) throw new Errno('EINVAL');
    return option(call);
  },
};
