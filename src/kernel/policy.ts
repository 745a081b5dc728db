import type { CpuState, KernelState, Task } from './state.js';

/** What a CPU does next: so many instructions, and then perhaps an interrupt. */
export interface Turn {
  readonly cpu: CpuState;
  readonly instructions: number;
  /**
   * How it ends if nothing else ends it. `continue`: with nothing that the program could notice; `preempt`: by an interrupt
   * after which another thread of the queue runs.
   */
  readonly end: 'continue' | 'preempt';
}

/** Decides everything that the kernel's rules leave open. Must be deterministic: its choices follow from its seed and what it is shown. */
export interface Policy {
  /** `ready`: CPUs with a thread to run, never empty. */
  turn(state: KernelState, ready: readonly CpuState[]): Turn;
  /** Who of `cpu.queue` is next. */
  pick(state: KernelState, cpu: CpuState): Task;
  /** Where a thread that has become runnable goes. */
  place(state: KernelState, task: Task, allowed: readonly CpuState[]): CpuState;
}
