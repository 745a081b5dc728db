import { hex } from '../../abi/address.js';
import { SIG } from '../../abi/signals.js';
import type { ViolationId } from '../../abi/violations.js';
import type { SectionBounds } from '../../event/event.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import { forceSignal } from '../signal/send.js';
import type { Task } from '../state.js';
import { armed } from './area.js';

/** A rule that a thread's struct rseq or its descriptor breaks: the kernel answers with SIGSEGV and no word. */
export class Violation extends Error {
  constructor(
    readonly rule: ViolationId,
    message: string,
    /** The section in question, where the descriptor could be read. */
    readonly section?: SectionBounds,
  ) {
    super(message);
  }
}

/**
 * Does what may break a rule; false where it did: the thread gets SIGSEGV. `delivering`: a signal on its way to a handler; if that is SIGSEGV
 * itself there is no handler any more (force_sigsegv).
 */
export function keepsRules(kernel: Kernel, task: Task, work: () => void, delivering?: number): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof Violation) && !(error instanceof Errno)) throw error;
    const violation =
      error instanceof Violation
        ? error
        : new Violation(
            'area-unwritable',
            `struct rseq at ${hex(task.rseq.pointer)} cannot be read or written`,
          );
    violate(kernel, task, violation, delivering);
    return false;
  }
}

/** force_sig(SIGSEGV), or force_sigsegv() where a signal is being delivered. */
export function violate(kernel: Kernel, task: Task, violation: Violation, delivering?: number): void {
  const { rule, message, section } = violation;
  kernel.emit(task, {
    kind: 'violation',
    rule,
    message,
    ip: task.registers[RIP]!,
    rseqCs: armed(kernel, task),
    ...section,
  });
  forceSignal(kernel, task, { number: SIG.SIGSEGV, fatal: delivering === SIG.SIGSEGV });
}
