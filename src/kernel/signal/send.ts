import { SI, SIG, signalDefault, signalName } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Process, Signal, Task } from '../state.js';
import { wake } from '../wait.js';
import { clearPending, clearStop, resumeStopped, signalWake, trapNotify } from './job-control.js';
import { dropSignals } from './queue.js';
import { bitOf, has, isFatal, isIgnored, makeSignal, SIG_DFL, SIG_IGN, SIGRTMIN, STOPS } from './sets.js';

export { hasSignal } from './queue.js';
export { makeSignal } from './sets.js';

/** RLIMIT_SIGPENDING. */
const SIGPENDING = 11;

/**
 * Sent to a thread (tgkill), or to a process: then any of its threads may take it (kernel/signal.c __send_signal_locked). Throws EAGAIN where
 * rt_sigqueueinfo(2) finds the queue full.
 */
export function sendSignal(kernel: Kernel, target: Task | Process, signal: Signal): void {
  if ('tid' in target) send(kernel, target, signal, false);
  else if (target.tasks[0] !== undefined) send(kernel, target.tasks[0], signal, true);
}

/** To the process of a thread, which takes it if it can. */
export const sendToGroup = (kernel: Kernel, task: Task, signal: Signal): void =>
  send(kernel, task, signal, true);

function send(kernel: Kernel, task: Task, signal: Signal, group: boolean): void {
  const { process } = task;
  const { number } = signal;
  if (task.exitState === 'dead' || (!group && task.state === 'dead')) return;
  if (process.tasks.every(({ state }) => state === 'dead')) return;
  if (!prepare(kernel, task, number)) return;
  const queue = group ? process.shared : task.pending;
  // Standard signals are not queued twice (legacy_queue).
  if (number < SIGRTMIN && queue.some((each) => each.number === number)) return;
  if (number >= SIGRTMIN && signal.code < 0 && isFull(kernel, process)) throw new Errno('EAGAIN');
  if (number !== SIG.SIGKILL) queue.push(signal);
  wake(kernel, `signalfd:${process.pid}`);
  complete(kernel, task, signal, group);
}

/** Everybody is one user here (UCOUNT_RLIMIT_SIGPENDING). */
function isFull(kernel: Kernel, process: Process): boolean {
  const limit = process.limits.get(SIGPENDING)?.[0] ?? 63_000n;
  let count = 0;
  for (const { shared } of kernel.state.processes.values()) count += shared.length;
  for (const { pending } of kernel.state.tasks.values()) count += pending.length;
  return BigInt(count) >= limit;
}

/** prepare_signal(): SIGCONT ends a stop, whether or not it is delivered. False where the signal comes to nothing. */
function prepare(kernel: Kernel, task: Task, number: number): boolean {
  const { process } = task;
  if (process.exiting !== undefined) return false;
  if (has(STOPS, number)) dropSignals(task, bitOf(SIG.SIGCONT));
  else if (number === SIG.SIGCONT) {
    dropSignals(task, STOPS);
    for (const each of process.tasks) {
      if (each.state === 'dead') continue;
      clearStop(each);
      if (each.ptrace?.seized) trapNotify(kernel, each);
      else if (each.state === 'stopped') resumeStopped(kernel, each);
    }
    const { stop } = process;
    const tell = stop.stopped ? 'continued' : stop.count > 0 ? 'stopped' : undefined;
    if (tell !== undefined) Object.assign(stop, { tell, stopped: false, continued: true, count: 0, code: 0 });
  }
  // sig_ignored(): not where it is blocked: the handler may be another by the time that it is not.
  if (has(task.mask | task.realBlocked, number)) return true;
  if (task.ptrace !== undefined && number !== SIG.SIGKILL) return true;
  return !isIgnored(number, process.handlers[number]!);
}

/** wants_signal(). */
function wants(kernel: Kernel, task: Task, number: number): boolean {
  if (has(task.mask, number) && number !== SIG.SIGKILL) return false;
  if (task.state === 'dead') return false;
  if (number === SIG.SIGKILL) return true;
  if (task.state === 'stopped' || task.state === 'traced') return false;
  return kernel.state.cpus[task.cpu]!.current === task || !task.signalPending;
}

/** complete_signal(): who takes it; a fatal one ends the process at once. */
function complete(kernel: Kernel, task: Task, signal: Signal, group: boolean): void {
  const { process } = task;
  const { number } = signal;
  const taker = wants(kernel, task, number)
    ? task
    : group
      ? process.tasks.find((each) => wants(kernel, each, number))
      : undefined;
  if (taker === undefined) return;
  const handler = process.handlers[number]!;
  const fatal =
    isFatal(number, handler) &&
    !has(taker.realBlocked, number) &&
    (number === SIG.SIGKILL || task.ptrace === undefined);
  if (fatal && signalDefault(number) !== 'core') {
    sayDefault(kernel, taker, signal);
    killGroup(kernel, process, number);
    return;
  }
  signalWake(kernel, taker, number === SIG.SIGKILL);
}

export function sayDefault(kernel: Kernel, task: Task, { number, code, address }: Signal): void {
  kernel.emit(task, {
    kind: 'signal',
    signal: signalName(number),
    action: 'default',
    ip: task.registers[RIP]!,
    code,
    address,
  });
}

/** All threads of a process end, each when it next leaves the kernel (zap_other_threads). `status` as of wait4(2). */
export function killGroup(kernel: Kernel, process: Process, status: number): void {
  if (process.exiting !== undefined) return;
  process.exiting = status;
  Object.assign(process.stop, { count: 0, stopped: false, continued: false, tell: undefined });
  for (const task of process.tasks) zap(kernel, task, status);
}

/** A thread that must not run another instruction: wherever it waits, it comes to its end. */
export function zap(kernel: Kernel, task: Task, status: number): void {
  if (task.state === 'dead') return;
  clearPending(task);
  task.killed ??= status;
  signalWake(kernel, task, true);
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
  const { handlers } = task.process;
  const handler = handlers[number]!;
  const blocked = has(task.mask, number);
  if (fatal || handler.handler === SIG_IGN || blocked) {
    handlers[number] = { ...handler, handler: SIG_DFL };
    if (blocked) task.mask &= ~bitOf(number);
  }
  send(kernel, task, makeSignal(number, { code, address, forced: true }), false);
  // It may have been pending already.
  if (!task.signalPending) signalWake(kernel, task);
}
