import { ERRNO } from '../../abi/errno.js';
import { SI, SIG } from '../../abi/signals.js';
import { serveAnnotation } from '../annotation.js';
import { Errno, failure } from '../errno.js';
import { InputPending } from '../host.js';
import type { Kernel } from '../kernel.js';
import { callStop } from '../ptrace/stop.js';
import { RIP } from '../registers.js';
import { callReturns } from '../rseq/call-return.js';
import { sliceEntersCall } from '../rseq/slice.js';
import { SCENARIO_ROWS } from '../scenario/phases.js';
import { forceSignal, hasSignal } from '../signal/send.js';
import type { Task, Wait } from '../state.js';
import { Blocked, sleep } from '../wait.js';
import type { Result } from './call.js';
import { CALLS } from './index.js';
import { argumentPieces } from './pieces.js';

const NO_CALL = 0xffff_ffff;
/** Nanoseconds of virtual time that a system call takes. */
const COST = 200;

/** The instruction that makes a system call: the ip stands behind it. */
export function enterCall(kernel: Kernel, task: Task): void {
  kernel.arch.enterCall(task);
  kernel.state.clock += COST;
  task.systemTime += COST;
  task.process.systemTime += COST;
  const { ptrace } = task;
  if (ptrace !== undefined && (ptrace.syscalls || ptrace.emulate) && callStop(kernel, task, 1))
    task.after = { kind: ptrace.emulate ? 'report' : 'entry' };
  else beginCall(kernel, task);
}

/** Its number and arguments are in the registers, where a tracer may have changed them (syscall_trace_enter). */
export function beginCall(kernel: Kernel, task: Task): void {
  const args = kernel.arch.arguments.map((register) => task.registers[register]!);
  const number = Number(BigInt.asUintN(32, task.call));
  const name = kernel.syscallName(number);
  // The tracer wants no call, and has put the result into its register.
  if (number === NO_CALL) {
    leaveCall(kernel, task);
    return;
  }
  if (serveAnnotation(kernel, task, name)) {
    leaveCall(kernel, task);
    return;
  }
  const data = argumentPieces(kernel, task, name, args);
  kernel.emit(task, { kind: 'syscall', number, name, arguments: args, ...(data && { data }) });
  if (sliceEntersCall(kernel, task, number)) task.entered = args;
  else perform(kernel, task, args);
}

/** Does a call, or goes on with one that had to wait. */
export function perform(kernel: Kernel, task: Task, args: readonly bigint[], resumed?: Wait): void {
  const number = Number(BigInt.asUintN(32, task.call));
  const name = kernel.syscallName(number);
  const handler =
    CALLS[kernel.arch.name].get(number) ??
    (kernel.state.scenario === undefined ? undefined : SCENARIO_ROWS.get(number));
  let result: Result;
  if (handler === undefined) {
    if (!kernel.state.unknownCalls.has(number)) {
      kernel.state.unknownCalls.add(number);
      kernel.emit(task, { kind: 'unknown-syscall', number, name });
    }
    result = failure('ENOSYS');
  } else {
    try {
      result = handler({ kernel, task, memory: kernel.memory(task.mm), arguments: args, resumed });
    } catch (error) {
      if (error instanceof InputPending) {
        kernel.state.input = { task, arguments: args, resumed, turn: undefined };
        return;
      }
      if (!(error instanceof Errno)) throw error;
      result = error.value;
    }
  }
  if (result instanceof Blocked) {
    const { wait } = result;
    // It has stopped for its tracer inside the call, which then goes on.
    if (task.state === 'traced') {
      task.after = { kind: 'trap' };
      task.wait = { ...wait, ended: 'woken' };
    } else if (task.killed !== undefined) task.wait = { ...wait, ended: 'signal' };
    // With a signal for it a thread does not fall asleep (kernel/sched/core.c, try_to_block_task).
    else if (wait.interruptible && hasSignal(task))
      perform(kernel, task, wait.arguments, { ...wait, ended: 'signal' });
    else sleep(kernel, task, wait);
    return;
  }
  // It will not come back: exit, or killed meanwhile.
  if (task.state === 'dead' || task.after !== undefined) return;
  if (result === undefined && task.killed !== undefined) return;
  if (result !== undefined) task.registers[kernel.arch.result] = BigInt.asUintN(64, BigInt(result));
  const value = BigInt.asIntN(64, task.registers[kernel.arch.result]!);
  const error = value < 0n && value >= -4095n ? NAMES.get(Number(-value)) : undefined;
  kernel.emit(task, { kind: 'return', name, value, ...(error === undefined ? {} : { error }) });
  callReturns(kernel, task);
  leaveCall(kernel, task);
}

/** What a tracer sees of the end of a call (syscall_exit_work). */
function leaveCall(kernel: Kernel, task: Task): void {
  const { ptrace } = task;
  if (ptrace === undefined) return;
  if (ptrace.step && !ptrace.emulate)
    forceSignal(kernel, task, { number: SIG.SIGTRAP, code: SI.TRAP_BRKPT, address: task.registers[RIP]! });
  else if (ptrace.syscalls && callStop(kernel, task, 2)) task.after = { kind: 'report' };
}

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, number]) => [number, name]));
