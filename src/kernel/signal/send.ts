import { SI, SIG, signalDefault } from '../../abi/signals.js';
import type { Kernel } from '../kernel.js';
import { enqueue } from '../schedule.js';
import type { Handler, Process, Signal, Task } from '../state.js';
import { endWait, wake } from '../wait.js';

export const SIG_DFL = 0n;
export const SIG_IGN = 1n;
export const bitOf = (signal: number): bigint => 1n << BigInt(signal - 1);

/** Neither can be caught, blocked or ignored. */
export const UNBLOCKABLE = bitOf(SIG.SIGKILL) | bitOf(SIG.SIGSTOP);
const STOPS = [SIG.SIGSTOP, SIG.SIGTSTP, SIG.SIGTTIN, SIG.SIGTTOU];
/** Caused by the thread's own instruction: delivered before others (kernel/signal.c SYNCHRONOUS_MASK). */
const SYNCHRONOUS = [SIG.SIGSEGV, SIG.SIGBUS, SIG.SIGILL, SIG.SIGTRAP, SIG.SIGFPE, SIG.SIGSYS];

const NOTHING = {
  code: SI.KERNEL,
  pid: 0,
  uid: 0,
  address: 0n,
  value: 0n,
  status: 0,
  forced: false,
} as const;

export const makeSignal = (number: number, rest: Partial<Omit<Signal, 'number'>> = {}): Signal => ({
  ...NOTHING,
  number,
  ...rest,
});

/** Sent to a thread (tgkill), or to a process: then any of its threads may take it (kernel/signal.c __send_signal_locked). */
export function sendSignal(kernel: Kernel, target: Task | Process, signal: Signal): void {
  const process = 'tid' in target ? target.process : target;
  if (process.zombie !== undefined) return;
  prepare(kernel, process, signal.number);
  const handler = process.handlers[signal.number]!;
  const traced =
    'tid' in target ? target.ptrace !== undefined : process.tasks.some(({ ptrace }) => ptrace !== undefined);
  const blockedBy = (task: Task): boolean => (task.mask & bitOf(signal.number)) !== 0n;
  const someBlock = 'tid' in target ? blockedBy(target) : process.tasks.every(blockedBy);
  // An ignored signal that nobody has blocked is not even queued.
  if (!traced && !someBlock && isIgnored(signal.number, handler)) return;
  const queue = 'tid' in target ? target.pending : process.shared;
  // Standard signals are not queued twice.
  if (signal.number < 32 && queue.some(({ number }) => number === signal.number)) return;
  queue.push(signal);
  if ('tid' in target) {
    signalWake(kernel, target, signal.number);
    return;
  }
  const taker = process.tasks.find((task) => !blockedBy(task) && task.state !== 'dead');
  if (taker !== undefined) signalWake(kernel, taker, signal.number);
}

/** prepare_signal(): SIGCONT ends a stop and removes stop signals, and these remove SIGCONT. */
function prepare(kernel: Kernel, process: Process, number: number): void {
  const drop = (numbers: readonly number[]): void => {
    process.shared = process.shared.filter((each) => !numbers.includes(each.number));
    for (const task of process.tasks)
      task.pending = task.pending.filter((each) => !numbers.includes(each.number));
  };
  if (STOPS.includes(number)) drop([SIG.SIGCONT]);
  if (number !== SIG.SIGCONT) return;
  drop(STOPS);
  if (process.stopped !== undefined) {
    process.stopped = undefined;
    process.continued = true;
    notifyParent(kernel, process, SI.CLD_CONTINUED, SIG.SIGCONT);
  }
  for (const task of process.tasks) resumeStopped(kernel, task);
}

/** A stopped thread goes on: to its wait, if it was in one, else to a CPU. */
export function resumeStopped(kernel: Kernel, task: Task): void {
  if (task.state !== 'stopped' || task.ptrace?.stop !== undefined) return;
  task.state = 'runnable';
  enqueue(kernel, task);
}

export const isIgnored = (number: number, { handler }: Handler): boolean =>
  handler === SIG_IGN || (handler === SIG_DFL && ['ignore', 'continue'].includes(signalDefault(number)));

/** signal_wake_up(): the thread looks at its signals soon; a wait that may be interrupted ends. */
export function signalWake(kernel: Kernel, task: Task, number: number): void {
  if ((task.mask & bitOf(number)) !== 0n && number !== SIG.SIGKILL) {
    wake(kernel, `signalfd:${task.process.pid}`);
    endSigwait(kernel, task, number);
    return;
  }
  if (number === SIG.SIGKILL && task.state === 'stopped') {
    if (task.ptrace !== undefined) task.ptrace.stop = undefined;
    task.state = 'runnable';
    enqueue(kernel, task);
  }
  if (task.wait !== undefined && (task.wait.interruptible || number === SIG.SIGKILL))
    endWait(kernel, task, 'signal');
}

/** sigtimedwait(2) waits for blocked signals. */
function endSigwait(kernel: Kernel, task: Task, number: number): void {
  for (const each of task.process.tasks) {
    const { wait } = each;
    if (wait?.keys.includes('sigwait') && ((wait.data as { set: bigint }).set & bitOf(number)) !== 0n)
      endWait(kernel, each, 'woken');
  }
}

/**
 * force_sig_info(): a fault of the thread itself. A blocked or ignored signal gets its default action, and `fatal` takes a handler away
 * too.
 */
export function forceSignal(
  kernel: Kernel,
  task: Task,
  {
    number,
    code = SI.KERNEL,
    address = 0n,
    fatal = false,
  }: { number: number; code?: number; address?: bigint; fatal?: boolean },
): void {
  const { process } = task;
  const handler = process.handlers[number]!;
  if (fatal || handler.handler === SIG_IGN || (task.mask & bitOf(number)) !== 0n) {
    process.handlers[number] = { ...handler, handler: SIG_DFL };
    task.mask &= ~bitOf(number);
  }
  task.pending.push(makeSignal(number, { code, address, forced: true }));
  signalWake(kernel, task, number);
}

/** Is there a signal for the thread to take (recalc_sigpending)? */
export function hasSignal(task: Task): boolean {
  return (
    task.pending.some(({ number }) => !isBlocked(task, number)) ||
    task.process.shared.some(({ number }) => !isBlocked(task, number))
  );
}

const isBlocked = (task: Task, number: number): boolean => (task.mask & ~UNBLOCKABLE & bitOf(number)) !== 0n;

/** Takes the next signal out of the queues: faults first, then SIGKILL, then the lowest number, the thread's own before the process's. */
export function takeSignal(task: Task, set = ~(task.mask & ~UNBLOCKABLE)): Signal | undefined {
  const from = (queue: readonly Signal[]): Signal | undefined =>
    queue
      .filter(({ number }) => (set & bitOf(number)) !== 0n)
      .reduce<Signal | undefined>(
        (best, each) => (best === undefined || rank(each) < rank(best) ? each : best),
        undefined,
      );
  const own = from(task.pending);
  if (own !== undefined) {
    task.pending = task.pending.filter((each) => each !== own);
    return own;
  }
  const shared = from(task.process.shared);
  if (shared !== undefined) task.process.shared = task.process.shared.filter((each) => each !== shared);
  return shared;
}

const rank = ({ number }: Signal): number =>
  number === SIG.SIGKILL ? -100 : SYNCHRONOUS.includes(number as never) ? number - 64 : number;

/** SIGCHLD to the parent, and its wait4(2) looks again. */
export function notifyParent(kernel: Kernel, process: Process, code: number, status: number): void {
  const { parent } = process;
  if (parent === undefined) return;
  const number = process.tasks[0]?.exitSignal ?? SIG.SIGCHLD;
  const child = makeSignal(number, { code, pid: process.pid, status });
  const stopping = code === SI.CLD_STOPPED || code === SI.CLD_CONTINUED;
  if (number > 0 && !(stopping && (parent.handlers[SIG.SIGCHLD]!.flags & 1) !== 0))
    sendSignal(kernel, parent, child);
  wake(kernel, `children:${parent.pid}`);
}
