import { hex } from '../../abi/address.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';
import { readRseqCs } from './area.js';
import { fixupModern } from './fixup.js';
import { modeOf } from './mode.js';
import { look } from './validate.js';
import { keepsRules, Violation } from './violation.js';

/**
 * Since 6.19 arm64 comes to that only where a call has work besides (arch/arm64/kernel/syscall.c el0_svc_common(), has_syscall_work()): before, a kernel that was built
 * to look did so every time.
 */
const seesReturns = ({ rules }: Kernel, { ptrace }: Task): boolean =>
  rules.genericEntry || ptrace?.syscalls === true || ptrace?.emulate === true;

/**
 * A system call is over. With checking switched on it must not return into a section (rseq_syscall; since 6.19 __rseq_debug_syscall_return,
 * which also clears rseq_cs where the thread is outside).
 */
export function callReturns(kernel: Kernel, task: Task): void {
  if (!kernel.options.debugRseq || task.rseq.pointer === 0n) return;
  if (!modeOf(kernel, task.rseq).classic && !seesReturns(kernel, task)) return;
  keepsRules(kernel, task, () => {
    const pointer = readRseqCs(kernel, task);
    if (pointer === 0n) return;
    if (!modeOf(kernel, task.rseq).classic) {
      fixupModern(kernel, task, pointer, 'syscall-in-section');
      return;
    }
    const { inside, bounds } = look(kernel, task, pointer);
    if (!inside) return;
    const { startIp, postCommitOffset } = bounds;
    throw new Violation(
      'syscall-in-section',
      `a system call returns to ${hex(task.registers[RIP]!)}, inside the section ${hex(startIp)}..${hex(startIp + postCommitOffset)}`,
      bounds,
    );
  });
}
