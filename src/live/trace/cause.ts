/** Why the kernel aborted a section: no tracepoint says so, but what happened to the thread just before does. */
import { signalName } from '../../abi/signals.js';
import type { AbortCause } from '../../event/event.js';

/** What has been seen of a thread since its last abort; times in nanoseconds. */
export interface Interruptions {
  /** It left a CPU. */
  out: { readonly time: number; readonly cpu: number; readonly preempted: boolean } | undefined;
  /** Who got the CPU then, and the thread's state: 8 and 4 are stops. */
  next: { readonly name: string; readonly tid: number; readonly state: number } | undefined;
  /** It came back. */
  in: { readonly time: number; readonly cpu: number } | undefined;
  signal: { readonly time: number; readonly number: number } | undefined;
  /** When membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ) last began in its process. */
  barrier: number | undefined;
}

export interface Inferred {
  readonly causes: readonly AbortCause[];
  readonly guess: boolean;
  readonly by: string | undefined;
  /** Nanoseconds since the interruption. */
  readonly lost: number | undefined;
}

/** The kernel aborts on its way back to user space: what happened longer ago than this was another time in the kernel. A virtual machine may be away for long. */
const NEAR = 100_000;
/** With nothing else in sight, what happened so long ago may still be it. */
const FAR = 5_000_000;
const __TASK_STOPPED = 4;
const __TASK_TRACED = 8;

/**
 * kernel/rseq.c: an abort needs an event since the thread last went to user space: rseq_preempt() when it left a CPU or membarrier's interrupt came,
 * rseq_migrate() when it was moved, rseq_signal_deliver() when a signal is delivered.
 */
export function inferCause(time: number, seen: Interruptions): Inferred {
  const { out, next, signal, barrier } = seen;
  const back = seen.in;
  const signalled = signal !== undefined && time - signal.time < NEAR;
  // A signal is delivered on the same way back to user space on which a switch may have come first.
  const until = signalled ? signal.time : time;
  const switched =
    out !== undefined && back !== undefined && back.time >= out.time && until - back.time < NEAR;
  const causes: AbortCause[] = [];
  if (switched) {
    if (next !== undefined && (next.state & __TASK_TRACED) !== 0) causes.push('ptrace');
    else causes.push('preempt');
    if (out.cpu !== back.cpu) causes.push('migrate');
  }
  if (signalled) causes.push('signal');
  if (causes.length > 0) {
    const by = [
      ...(switched && next !== undefined && !causes.includes('ptrace') ? [whoText(next, out.preempted)] : []),
      ...(signalled ? [signalName(signal.number)] : []),
    ].join(', ');
    const lost = time - (switched ? out.time : signal!.time);
    return { causes, guess: false, by: by === '' ? undefined : by, lost };
  }
  if (barrier !== undefined && time - barrier < FAR)
    return { causes: ['membarrier'], guess: time - barrier > NEAR, by: undefined, lost: time - barrier };
  if (back !== undefined && out !== undefined && time - back.time < FAR)
    return {
      causes: out.cpu === back.cpu ? ['preempt'] : ['preempt', 'migrate'],
      guess: true,
      by: next && whoText(next, out.preempted),
      lost: time - out.time,
    };
  return { causes: ['interrupt'], guess: true, by: undefined, lost: undefined };
}

/** A thread that gave its CPU up inside a section waited: for a page, or in a system call; or it was stopped. */
function whoText({ name, tid, state }: NonNullable<Interruptions['next']>, preempted: boolean): string {
  if (preempted) return `${name}/${tid}`;
  if ((state & __TASK_STOPPED) !== 0) return 'it was stopped (SIGSTOP and its like)';
  return tid === 0 ? 'it waited in the kernel' : `it waited in the kernel, ${name}/${tid} ran`;
}
