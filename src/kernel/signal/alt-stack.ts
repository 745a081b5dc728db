import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/** Flags of alternate stacks (include/uapi/linux/signal.h). */
export const SS = { ONSTACK: 1, DISABLE: 2, AUTODISARM: 1 << 31 } as const;

/** __on_sig_stack(). */
export const isWithin = ({ altStack }: Task, sp: bigint): boolean =>
  sp > altStack.sp && sp - altStack.sp <= altStack.size;

export const onAltStack = (task: Task, sp: bigint): boolean =>
  (task.altStack.flags & SS.AUTODISARM) === 0 && isWithin(task, sp);

/** sas_ss_flags() and SS_AUTODISARM: what sigaltstack(2) and ucontext say of the alternate stack. */
export function altStackFlags({ arch }: Kernel, task: Task): number {
  const { size, flags } = task.altStack;
  const kept = flags & SS.AUTODISARM;
  if (size === 0n) return kept | SS.DISABLE;
  return kept | (onAltStack(task, task.registers[arch.stackPointer]!) ? SS.ONSTACK : 0);
}

/** stack_t as a frame holds it (__save_altstack()): the flags as they were set. */
export function writeAltStack(view: DataView, at: number, { altStack }: Task): void {
  view.setBigUint64(at, altStack.sp, true);
  view.setUint32(at + 8, altStack.flags, true);
  view.setBigUint64(at + 16, altStack.size, true);
}

/** The handler is entered: with SS_AUTODISARM there is no alternate stack meanwhile. */
export function disarm(task: Task): void {
  if ((task.altStack.flags & SS.AUTODISARM) !== 0) task.altStack = { sp: 0n, size: 0n, flags: SS.DISABLE };
}

/** restore_altstack(): a thread that stands on its alternate stack cannot change it. */
export function readAltStack(task: Task, view: DataView, at: number, sp: bigint): void {
  if (onAltStack(task, sp)) return;
  const flags = view.getUint32(at + 8, true);
  task.altStack = {
    sp: view.getBigUint64(at, true),
    size: (flags & SS.DISABLE) !== 0 ? 0n : view.getBigUint64(at + 16, true),
    flags,
  };
}
