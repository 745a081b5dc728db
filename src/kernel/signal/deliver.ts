import { SA, SI, SIG, signalDefault, signalName } from '../../abi/signals.js';
import { Errno } from '../errno.js';
import { isOrphaned, killProcess } from '../exit.js';
import type { Kernel } from '../kernel.js';
import { ptraceNotify, ptraceStop, resumedWith } from '../ptrace/stop.js';
import { RIP } from '../registers.js';
import { signalDelivered } from '../rseq/resume.js';
import type { Handler, Signal, Task } from '../state.js';
import { framesOf } from './frame.js';
import { isReparented, leaderOf, notifyStop } from './notify.js';
import { popMask, setMask, takeFault, takeSignal } from './queue.js';
import { interruptedCall, restartCall } from './restart.js';
import { forceSignal, sayDefault, sendSignal, sendToGroup } from './send.js';
import { bitOf, has, makeSignal, SIG_DFL, SIG_IGN } from './sets.js';
import { signalStop, trapStop } from './stop.js';

/**
 * Takes signals until one enters a handler, stops or ends the thread, or there is none (arch_do_signal_or_restart, get_signal).
 * `taken`: one that the tracer has left to be delivered.
 */
export function deliverSignals(kernel: Kernel, task: Task, taken?: Signal): void {
  let signal = taken;
  for (;;) {
    if (signal === undefined) {
      const next = nextSignal(kernel, task);
      if (next === 'stopped') return;
      if (next === undefined) break;
      signal = next;
    }
    if (deliver(kernel, task, signal)) return;
    signal = undefined;
  }
  restartCall(kernel, task);
  popMask(kernel, task);
  task.call = -1n;
}

/** The first half of get_signal(): stops and what a tracer lets through. `stopped`: it does not go on from here. */
function nextSignal(kernel: Kernel, task: Task): Signal | 'stopped' | undefined {
  const { jobctl } = task;
  for (;;) {
    tellParent(kernel, task);
    if (task.killed !== undefined) return 'stopped';
    if (jobctl.stop && signalStop(kernel, task, 0)) return 'stopped';
    if (jobctl.trap || jobctl.notify) {
      // Without a tracer, or one that is being killed: nothing to stop for.
      if (task.ptrace !== undefined && trapStop(kernel, task)) {
        task.after = { kind: 'trap' };
        return 'stopped';
      }
      Object.assign(jobctl, { trap: false, notify: false });
      continue;
    }
    const fault = takeFault(task);
    const found =
      fault === undefined ? takeSignal(kernel, task, task.mask) : { signal: fault, shared: false };
    if (found === undefined) return undefined;
    const { signal, shared } = found;
    if (task.ptrace === undefined || signal.number === SIG.SIGKILL) return signal;
    jobctl.dequeued = true;
    if (!ptraceStop(kernel, task, { code: signal.number, info: signal })) return signal;
    task.after = { kind: 'signal', shared };
    return 'stopped';
  }
}

/** The thread that goes on first after SIGCONT tells the parent, and a tracer of the first thread. */
function tellParent(kernel: Kernel, task: Task): void {
  const { stop } = task.process;
  if (stop.tell === undefined) return;
  const code = stop.tell === 'continued' ? SI.CLD_CONTINUED : SI.CLD_STOPPED;
  stop.tell = undefined;
  notifyStop(kernel, task, false, code);
  const leader = leaderOf(task);
  if (isReparented(leader)) notifyStop(kernel, leader, true, code);
}

/** Back from a signal-delivery-stop: what the tracer has left of the signal (the end of ptrace_signal). */
export function afterSignalStop(kernel: Kernel, task: Task, shared: boolean): Signal | undefined {
  const info = task.stopInfo!;
  const number = resumedWith(task);
  if (number === 0) return undefined;
  const signal =
    number === info.number
      ? info
      : makeSignal(number, { code: SI.USER, pid: task.ptrace?.tracer.tid ?? task.process.parent?.pid ?? 0 });
  if (!has(task.mask, number) && task.killed === undefined) return signal;
  (shared ? sendToGroup : sendSignal)(kernel, task, signal);
  return undefined;
}

/** True where the thread does not look for another signal. */
function deliver(kernel: Kernel, task: Task, signal: Signal): boolean {
  const { process } = task;
  const handler = process.handlers[signal.number]!;
  const say = (action: 'handler' | 'ignored'): void =>
    kernel.emit(task, {
      kind: 'signal',
      signal: signalName(signal.number),
      action,
      ip: task.registers[RIP]!,
      code: signal.code,
      address: signal.address,
    });
  if (handler.handler === SIG_IGN) {
    say('ignored');
    return false;
  }
  if (handler.handler !== SIG_DFL) {
    if ((handler.flags & SA.RESETHAND) !== 0)
      process.handlers[signal.number] = { ...handler, handler: SIG_DFL };
    say('handler');
    handle(kernel, task, signal, handler);
    return true;
  }
  const action = signalDefault(signal.number);
  if (action === 'ignore' || action === 'continue') {
    say('ignored');
    return false;
  }
  if (action === 'stop') {
    // Stop signals of terminals do nothing where nobody could wake the process up again.
    if (signal.number !== SIG.SIGSTOP && isOrphaned(kernel, process.group)) return false;
    sayDefault(kernel, task, signal);
    return signalStop(kernel, task, signal.number);
  }
  sayDefault(kernel, task, signal);
  killProcess(kernel, process, signal.number | (action === 'core' && dumpsCore(task) ? 0x80 : 0));
  return true;
}

/** RLIMIT_CORE, and the least a core file of ELF programs may have. */
const CORE = 4;
const LEAST = 4096n;

/** do_coredump(): nobody writes the file here, but the status is as if. */
const dumpsCore = ({ process }: Task): boolean =>
  process.dumpable === 1 && (process.limits.get(CORE)?.[0] ?? 0n) >= LEAST;

/** handle_signal(). */
function handle(kernel: Kernel, task: Task, signal: Signal, handler: Handler): void {
  interruptedCall(kernel, task, (handler.flags & SA.RESTART) !== 0);
  task.call = -1n;
  const { ptrace } = task;
  const stepping = ptrace?.step === true;
  if (stepping) ptrace.step = false;
  // The section is aborted first: the frame holds abort_ip (rseq_signal_deliver).
  signalDelivered(kernel, task, signal.number);
  const mask = task.savedMask ?? task.mask;
  try {
    framesOf(kernel).enter(kernel, task, signal, handler, mask);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    forceSignal(kernel, task, { number: SIG.SIGSEGV, fatal: signal.number === SIG.SIGSEGV });
    return;
  }
  task.savedMask = undefined;
  const defer = (handler.flags & SA.NODEFER) === 0 ? bitOf(signal.number) : 0n;
  setMask(kernel, task, task.mask | handler.mask | defer);
  // signal_setup_done(): who steps sees the first instruction of the handler.
  if (stepping && ptraceNotify(kernel, task, SIG.SIGTRAP)) task.after = { kind: 'trap' };
}
