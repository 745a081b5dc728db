import { isErrno, SystemError, Unavailable } from '../../linux/errors.js';
import { commandLine, hasEnded, KERNEL_THREAD, threadStat, threadStatus } from '../../linux/procfs.js';
import type { FirstCall } from '../../linux/stub.js';
import { whyForbidden } from '../process.js';
import type { Keeper } from './keeper.js';
import type { TracedProcess } from './traced.js';

/** Starts a program. Throws Unavailable, whose message is for the user. */
export function startOrRefuse(
  keeper: Keeper,
  command: readonly string[],
  calls: readonly FirstCall[] = [],
): number {
  try {
    return keeper.start(command, calls);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const why =
      error.code === 'ENOENT'
        ? 'there is no such program; give its path, or a name that is in PATH'
        : error.code === 'EACCES'
          ? 'it is no program that may be run'
          : (whoTracesUs(error) ?? error.message);
    throw new Unavailable(`cannot run ${command[0]}: ${why}`);
  }
}

/** Whose tracees all that we start are. */
function whoTracesUs(error: unknown): string | undefined {
  const tracer = Number(threadStatus(process.pid)?.get('TracerPid') ?? 0);
  return isErrno(error, 'EPERM') && tracer !== 0
    ? `process ${tracer} (${nameOfTracer(tracer)}) traces rseqlab and all that it starts, and there can be one tracer only; run it without that one`
    : undefined;
}

function nameOfTracer(pid: number): string {
  const [name = threadStat(pid)?.name ?? 'unknown', script, command] = commandLine(pid);
  return command === 'keeper' && script?.endsWith('/rseqlab.js') ? 'another rseqlab' : name;
}

/** Traces a process. Throws Unavailable, whose message is for the user. */
export function attachOrRefuse(keeper: Keeper, pid: number): TracedProcess {
  try {
    return keeper.attach(pid);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'ESRCH', 'ENOENT')) throw error;
    throw new Unavailable(`cannot trace process ${pid}: ${whyNot(pid)}`);
  }
}

export function whyNot(pid: number): string {
  const status = threadStatus(pid);
  if (status === undefined) return 'there is none; ps shows which there are';
  const tracer = Number(status.get('TracerPid') ?? 0);
  if (tracer !== 0)
    return `process ${tracer} (${nameOfTracer(tracer)}) traces it already, and there can be one tracer only; end that one first`;
  if (hasEnded(status.get('State'))) return 'it has ended, and waits for its parent to take notice';
  if (((threadStat(pid)?.flags ?? 0) & KERNEL_THREAD) !== 0)
    return 'it is a thread of the kernel, and has no user space';
  return whyForbidden(pid);
}
