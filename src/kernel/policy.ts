import type { CpuState, KernelState, Task, Turn } from './state.js';

/** What a policy sees: it must change nothing. */
export interface View {
  readonly state: KernelState;
  /** rseq_cs of the thread is not NULL: it may be about to enter a section, in it, or long behind it. */
  isArmed(task: Task): boolean;
  /** Is the thread inside the section that its rseq_cs names? */
  isInside(task: Task): boolean;
}

/**
 * Decides everything that the kernel's rules leave open. Must be deterministic: its choices follow from its data and what it is shown. A
 * policy goes on from where it is in a copy: `{ ...policy, data: structuredClone(policy.data) }`.
 */
export interface Policy {
  /** All that it remembers, as plain data. */
  readonly data: unknown;
  /** `ready`: CPUs with a thread to run, never empty. */
  turn(view: View, ready: readonly CpuState[]): Turn;
  /** Who of `cpu.queue` is next. */
  pick(view: View, cpu: CpuState): Task;
  /** Where a thread that has become runnable goes. */
  place(view: View, task: Task, allowed: readonly CpuState[]): CpuState;
}

/** The functions of a policy, over its data. */
export interface Rules<D> {
  turn(data: D, view: View, ready: readonly CpuState[]): Turn;
  pick(data: D, view: View, cpu: CpuState): Task;
  place(data: D, view: View, task: Task, allowed: readonly CpuState[]): CpuState;
}

export const policy = <D>(data: D, rules: Rules<D>): Policy => ({
  data,
  turn(view, ready) {
    return rules.turn(this.data as D, view, ready);
  },
  pick(view, cpu) {
    return rules.pick(this.data as D, view, cpu);
  },
  place(view, task, allowed) {
    return rules.place(this.data as D, view, task, allowed);
  },
});
