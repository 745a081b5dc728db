import { offsetOf } from '../../abi/layout.js';
import { RSEQ } from '../../abi/rseq.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

type Field = (typeof RSEQ)['fields'][number]['name'];

/** Address of a field of a struct rseq. */
export const fieldAddress = (area: bigint, name: Field): bigint => area + BigInt(offsetOf(RSEQ, name));

/** Fields of a thread's struct rseq. All throw EFAULT. */
export const readField = (kernel: Kernel, task: Task, name: Field): number =>
  kernel.memory(task.mm).u32(fieldAddress(task.rseq.pointer, name));

export const writeField = (kernel: Kernel, task: Task, name: Field, value: number): void =>
  kernel.memory(task.mm).setU32(fieldAddress(task.rseq.pointer, name), value);

export const readRseqCs = (kernel: Kernel, task: Task): bigint =>
  kernel.memory(task.mm).u64(fieldAddress(task.rseq.pointer, 'rseq_cs'));

export const clearRseqCs = (kernel: Kernel, task: Task): void =>
  kernel.memory(task.mm).setU64(fieldAddress(task.rseq.pointer, 'rseq_cs'), 0n);

/** slice_ctrl as the kernel sees it: request, granted and the reserved half in one word. */
export const SLICE_CTRL = 'slice_ctrl.request' satisfies Field;

/** rseq_cs of a thread as far as it can be read; 0n where there is none. */
export function armed(kernel: Kernel, task: Task): bigint {
  if (task.rseq.pointer === 0n) return 0n;
  try {
    return readRseqCs(kernel, task);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return 0n;
  }
}
