import type { Kernel } from '../kernel.js';
import type { Handler, Signal, Task } from '../state.js';

/** How the kernel enters and leaves signal handlers, and what frames look like. */
export interface Frames {
  /** Puts a frame on the program's stack and makes the thread enter the handler. Throws EFAULT where the stack cannot be written. */
  enter(kernel: Kernel, task: Task, signal: Signal, handler: Handler, mask: bigint): void;
  /** rt_sigreturn(2): back to what the frame says. Throws EFAULT where it cannot be read. */
  leave(kernel: Kernel, task: Task): void;
  /** Writes the registers that a frame holds anew. `frame`: the stack pointer of its handler as it begins. */
  rewrite(kernel: Kernel, task: Task, frame: bigint): void;
}
