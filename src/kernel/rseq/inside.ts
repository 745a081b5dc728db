import { RSEQ_CS } from '../../abi/rseq.js';
import { isInside as inside } from '../../process/judge.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';
import { armed } from './area.js';

/** Is the thread inside the section that its rseq_cs names? Nothing is checked and nothing changed. */
export function isInside(kernel: Kernel, task: Task): boolean {
  const pointer = armed(kernel, task);
  if (pointer === 0n) return false;
  try {
    const cs = RSEQ_CS.read(kernel.memory(task.mm).read(pointer, RSEQ_CS.size));
    return inside(cs, task.registers[RIP]!);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return false;
  }
}
