import { afterEach } from 'vitest';
import { SIG } from '../../src/abi/signals.js';
import { threadsOf } from '../../src/linux/procfs.js';
import * as ptrace from '../../src/linux/ptrace.js';
import { go, startStopped } from '../../src/linux/spawn.js';
import { type Change, waitFor } from '../../src/linux/wait.js';

const started: number[] = [];
/** Started, and ended behind the test. */
export const start = (...args: Parameters<typeof startStopped>): number => {
  const pid = startStopped(...args);
  started.push(pid);
  return pid;
};

/** Lets a tracee and its threads go on until something of this kind happens to it. */
export function until(pid: number, kind: Change['kind'], event?: string): Change {
  for (;;) {
    const change = waitFor(-1);
    if (change === undefined) throw new Error(`${pid} is gone`);
    const wanted = change.kind === kind && (change.kind !== 'event' || change.event === event);
    if (change.tid === pid && wanted) return change;
    if (change.kind === 'exited' || change.kind === 'killed') {
      if (change.tid === pid) throw new Error(JSON.stringify(change));
    } else
      ptrace.cont(change.tid, change.kind === 'signal' && change.signal !== SIG.SIGCONT ? change.signal : 0);
  }
}

/** A tracee in front of its program's first instruction. */
export function traced(args: readonly string[]): number {
  const pid = start(args);
  ptrace.seize(pid, ptrace.traceOptions('EXEC', 'CLONE', 'EXIT'));
  go(pid);
  until(pid, 'event', 'EXEC');
  return pid;
}

/** What may fail because the thread is gone, or is not stopped. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {}
}

afterEach(() => {
  for (const pid of started.splice(0)) {
    attempt(() => process.kill(pid, 'SIGKILL'));
    // A thread that is stopped at its exit does not hear that.
    for (const tid of threadsOf(pid)) attempt(() => ptrace.detach(tid));
  }
  // The threads of a traced process, too, must be waited for.
  for (let change = waitFor(-1); change !== undefined; change = waitFor(-1)) {
    const { tid, kind } = change;
    if (kind === 'event') attempt(() => ptrace.detach(tid));
  }
});
