import { RESTART } from '../../abi/errno.js';
import { SA, SI, SIG, signalDefault, signalName } from '../../abi/signals.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { RAX } from '../../isa/x86-64/registers.js';
import { Errno, failure } from '../errno.js';
import { killProcess } from '../exit.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import { signalDelivered } from '../rseq/resume.js';
import { dequeue } from '../schedule.js';
import type { Signal, Task } from '../state.js';
import { endWait } from '../wait.js';
import { enterHandler } from './frame.js';
import { bitOf, forceSignal, notifyParent, SIG_DFL, SIG_IGN, takeSignal, UNBLOCKABLE } from './send.js';

/** Takes signals until one enters a handler, stops or ends the thread, or there is none (arch_do_signal_or_restart, get_signal). */
export function deliverSignals(kernel: Kernel, task: Task): void {
  for (;;) {
    const signal =
      task.process.stopped !== undefined ? takeSignal(task, bitOf(SIG.SIGKILL)) : takeSignal(task);
    if (signal === undefined) break;
    if (deliver(kernel, task, signal) === 'done') return;
  }
  if (task.process.stopped !== undefined) {
    stop(kernel, task);
    return;
  }
  restart(task);
  if (task.savedMask !== undefined) {
    task.mask = task.savedMask;
    task.savedMask = undefined;
  }
}

function deliver(kernel: Kernel, task: Task, signal: Signal): 'done' | 'next' {
  const { process } = task;
  const handler = process.handlers[signal.number]!;
  const say = (action: 'handler' | 'default' | 'ignored'): void =>
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
    return 'next';
  }
  if (handler.handler !== SIG_DFL) {
    say('handler');
    handle(kernel, task, signal);
    return 'done';
  }
  const action = signalDefault(signal.number);
  if (action === 'ignore' || action === 'continue') {
    say('ignored');
    return 'next';
  }
  say('default');
  if (action === 'stop') {
    stopProcess(kernel, task, signal.number);
    return 'done';
  }
  killProcess(kernel, process, signal.number | (action === 'core' ? 0x80 : 0));
  return 'done';
}

/** handle_signal(). */
function handle(kernel: Kernel, task: Task, signal: Signal): void {
  const { process } = task;
  const handler = process.handlers[signal.number]!;
  interruptedCall(task, (handler.flags & SA.RESTART) !== 0);
  if ((handler.flags & SA.RESETHAND) !== 0)
    process.handlers[signal.number] = { ...handler, handler: SIG_DFL };
  // The section is aborted first: the frame holds abort_ip (rseq_signal_deliver).
  signalDelivered(kernel, task, signal.number);
  const mask = task.savedMask ?? task.mask;
  task.savedMask = undefined;
  try {
    enterHandler(kernel, task, signal, handler, mask);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    forceSignal(kernel, task, { number: SIG.SIGSEGV, fatal: signal.number === SIG.SIGSEGV });
    return;
  }
  task.mask |= handler.mask | ((handler.flags & SA.NODEFER) === 0 ? bitOf(signal.number) : 0n);
  task.mask &= ~UNBLOCKABLE;
}

const SIZE_OF_SYSCALL = 2n;

/** A handler runs: what becomes of the system call that it interrupted. */
function interruptedCall(task: Task, restarts: boolean): void {
  if (task.call === -1n) return;
  const value = -Number(BigInt.asIntN(64, task.registers[RAX]!));
  const again = value === RESTART.ERESTARTNOINTR || (value === RESTART.ERESTARTSYS && restarts);
  if (again) rewind(task, task.call);
  else if (isRestart(value)) task.registers[RAX] = BigInt.asUintN(64, BigInt(failure('EINTR')));
  task.call = -1n;
}

/** No handler runs: the call goes on as if nothing had been. */
function restart(task: Task): void {
  if (task.call === -1n) return;
  const value = -Number(BigInt.asIntN(64, task.registers[RAX]!));
  if (value === RESTART.ERESTART_RESTARTBLOCK) rewind(task, BigInt(SYSCALLS_X86_64['restart_syscall']!));
  else if (isRestart(value)) rewind(task, task.call);
  task.call = -1n;
}

const isRestart = (value: number): boolean => Object.values<number>(RESTART).includes(value);

function rewind(task: Task, call: bigint): void {
  task.registers[RAX] = call;
  task.registers[RIP]! -= SIZE_OF_SYSCALL;
}

function stopProcess(kernel: Kernel, task: Task, number: number): void {
  const { process } = task;
  process.stopped = { signal: number, reported: false };
  process.continued = false;
  // Those that wait in a call leave it to stop on the way out; the others see it when they next leave the kernel.
  for (const each of process.tasks)
    if (each !== task && each.wait?.interruptible) endWait(kernel, each, 'signal');
  notifyParent(kernel, process, SI.CLD_STOPPED, number);
  stop(kernel, task);
}

function stop(kernel: Kernel, task: Task): void {
  if (task.state !== 'runnable') return;
  task.state = 'stopped';
  dequeue(kernel, task);
}
