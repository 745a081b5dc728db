/**
 * The process behind the tracer of a command. The filter in the command wants a tracer until its end: without one rseq(2) fails with ENOSYS. Where the tracer is
 * killed, this one, its parent, takes its place. It does nothing else.
 */
import { spawn } from 'node:child_process';
import { isErrno } from '../../linux/errors.js';
import { tryCall } from '../../linux/libc.js';
import { allProcesses, threadStat, threadsOf } from '../../linux/procfs.js';

const PR_SET_CHILD_SUBREAPER = 36;

/** Starts `args` as the tracer, with our standard streams and descriptors; `orphaned` is called when it has ended. */
export function guard(args: readonly string[], streams: readonly number[], orphaned: () => void): void {
  // What it leaves behind becomes ours: Yama lets a process trace what descends from it.
  tryCall('prctl', PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const tracer = spawn(process.execPath, args, { stdio: [...streams] });
  tracer.on('exit', orphaned);
  tracer.on('error', orphaned);
}

/** All threads that descend from us, with their processes. */
function descendants(): { pid: number; tid: number }[] {
  const parents = new Map(allProcesses().map((pid) => [pid, threadStat(pid)?.parent]));
  const isOurs = (pid: number | undefined): boolean => {
    for (let at = pid; at !== undefined && at > 1; at = parents.get(at)) if (at === process.pid) return true;
    return false;
  };
  return [...parents]
    .filter(([, parent]) => isOurs(parent))
    .flatMap(([pid]) => threadsOf(pid).map((tid) => ({ pid, tid })));
}

/** Has each of them seized, until there is no new one. Those that cannot be traced (set-user-ID) or have gone are left out. */
export function adopt(seize: (pid: number, tid: number) => void): void {
  const seen = new Set<number>();
  for (;;) {
    const fresh = descendants().filter(({ tid }) => !seen.has(tid));
    if (fresh.length === 0) return;
    for (const { pid, tid } of fresh) {
      seen.add(tid);
      try {
        seize(pid, tid);
      } catch (error) {
        if (!isErrno(error, 'ESRCH', 'EPERM')) throw error;
      }
    }
  }
}
