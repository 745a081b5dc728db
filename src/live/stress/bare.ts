import type { TracedThread } from '../keeper/traced.js';

/**
 * The event that tells of a thread's mappings costs it something at each of its switches. A thread that does nothing but stop can do without: it is let
 * go on to its next system call instead (PTRACE_SYSCALL), and stops there before it can map anything. Its event is open again before that call goes on.
 */
export class Bare {
  private thread: TracedThread | undefined;
  private isBare = false;

  /** `watch` opens and closes the event; `toSyscall` says how the machine code lets a thread go on from its next stop. */
  constructor(
    private readonly watch: { addThread(thread: TracedThread): void; endThread(thread: TracedThread): void },
    private readonly toSyscall: (thread: TracedThread, on: boolean) => void,
  ) {}

  /** This thread has stopped some hundred times since the last tick, and hardly another one, and we were not asked about any of it. */
  onTick(thread: TracedThread): void {
    if (this.thread !== thread) {
      this.end();
      this.thread = thread;
      this.toSyscall(thread, true);
    } else if (!this.isBare) {
      // Since the last tick it goes on like that.
      this.isBare = true;
      this.watch.endThread(thread);
    }
  }

  /** It has stopped for another reason, or others have more to do; it may run. */
  end(): void {
    const { thread, isBare } = this;
    if (thread === undefined) return;
    this.forget(thread);
    this.toSyscall(thread, false);
    if (isBare) this.watch.addThread(thread);
  }

  isAbout(tid: number): boolean {
    return this.thread?.tid === tid;
  }

  /** It is gone, or another program. */
  forget(thread: TracedThread): void {
    if (this.thread !== thread) return;
    this.thread = undefined;
    this.isBare = false;
  }
}
