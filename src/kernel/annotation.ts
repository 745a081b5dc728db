import { ANNOTATION, ANNOTATION_ACTION, type Annotation, DESCRIPTOR } from '../abi/annotation.js';
import { RSEQ_CS } from '../abi/rseq.js';
import { Errno } from './errno.js';
import type { Kernel } from './kernel.js';
import { RIP } from './registers.js';
import { armed } from './rseq/area.js';
import type { Task } from './state.js';

/**
 * The part that `rseqlab annotate` plays on the real kernel: what a program has said of this call (include/rseqlab_syscall.h), where the section of which
 * it is the last instruction is under way. True: the call is not made, and its result is in its register.
 */
export function serveAnnotation(kernel: Kernel, task: Task, name: string): boolean {
  if (!task.mm.callSites.includes(Number(task.registers[RIP]!))) return false;
  const annotation = annotationOf(kernel, task);
  if (annotation === undefined) return false;
  const { actions, cookie, delay_ns } = annotation;
  kernel.emit(task, { kind: 'annotated', name, actions, cookie });
  if ((actions & ANNOTATION_ACTION.DELAY) !== 0) kernel.state.clock += Number(delay_ns);
  const result = resultOf(annotation);
  if (result !== undefined) task.registers[kernel.arch.result] = BigInt.asUintN(64, result);
  return result !== undefined;
}

function resultOf({ actions, error, value }: Annotation): bigint | undefined {
  if ((actions & ANNOTATION_ACTION.FAIL) !== 0) return BigInt(-error);
  return (actions & ANNOTATION_ACTION.RETURN) !== 0 ? BigInt.asIntN(64, value) : undefined;
}

function annotationOf(kernel: Kernel, task: Task): Annotation | undefined {
  const memory = kernel.memory(task.mm);
  try {
    const { annotation } = DESCRIPTOR.read(
      memory.read(task.registers[kernel.arch.descriptor]!, DESCRIPTOR.size),
    );
    const section = armed(kernel, task);
    if (annotation === 0n || section === 0n) return undefined;
    const { start_ip, post_commit_offset } = RSEQ_CS.read(memory.read(section, RSEQ_CS.size));
    if (BigInt.asUintN(64, start_ip + post_commit_offset) !== task.registers[RIP]) return undefined;
    return ANNOTATION.read(memory.read(annotation, ANNOTATION.size));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return undefined;
  }
}
