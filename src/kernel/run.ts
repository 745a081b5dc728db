import { SI, SIG } from '../abi/signals.js';
import { STATE } from '../machine/state.js';
import { act } from './acts.js';
import { load, nameTask } from './exec.js';
import { fault } from './fault.js';
import { joined, keepFile } from './files/lookup.js';
import { install, newFile } from './files/table.js';
import type { Kernel } from './kernel.js';
import { leaveKernel } from './leave.js';
import { viewOf } from './policy-view.js';
import type { Program } from './program.js';
import { RIP, setTimeStamp } from './registers.js';
import { cameBy } from './rseq/events.js';
import { grantSlice, sliceExpired } from './rseq/slice.js';
import { signalDue } from './scenario/phases.js';
import { endTurn, schedule } from './schedule.js';
import { forceSignal } from './signal/send.js';
import type { CpuState, Mm, Task, Timer, Turn } from './state.js';
import { enterCall, perform } from './syscalls/perform.js';
import { newProcess, newTask } from './tasks.js';
import { fireAlarm, firePosix, spend, untilTimer } from './timers.js';
import { endWait } from './wait.js';

/**
 * Why the simulation came back: the first program has ended (`status` as of wait4), its time is up, it has come to Kernel.horizon, it needs
 * input that the host does not have yet, or nobody can ever run again.
 */
export type Outcome =
  | { readonly kind: 'ended'; readonly status: number }
  | { readonly kind: 'paused' }
  | { readonly kind: 'horizon' }
  | { readonly kind: 'input' }
  | { readonly kind: 'deadlock' };

/** Starts the first program. Throws ProgramError where it cannot be run. */
export function boot(kernel: Kernel, program: Program): Task {
  const file = keepFile(kernel, joined('/', program.path), program.bytes);
  const { mm, entry, stack } = load(kernel, program, file.object);
  const task = firstTask(kernel, mm);
  nameTask(task, program, file.object.name);
  kernel.arch.begin(task, entry, stack);
  kernel.emit(task, { kind: 'start', pid: task.tid, parent: 0, how: 'exec', name: task.name });
  return task;
}

/** The first thread, with the standard streams, on the first CPU. */
export function firstTask(kernel: Kernel, mm: Mm): Task {
  const pid = kernel.state.nextPid++;
  const process = newProcess(kernel, pid, undefined);
  const files = { users: 1, descriptors: [] };
  const fs = { users: 1, cwd: '/', umask: 0o22 };
  const task = newTask(kernel, pid, { process, mm, files, fs, from: undefined });
  for (const stream of [0, 1, 2] as const)
    install(
      task,
      newFile(kernel, { kind: 'stream', stream }, stream === 0 ? 0 : 1, `pipe:[${stream + 1}]`),
      false,
    );
  kernel.state.cpus[0]!.queue.push(task);
  return task;
}

/** Runs until the first program has ended, or `instructions` are done (some more where a turn is not over). */
export function run(kernel: Kernel, instructions: number): Outcome {
  const { state } = kernel;
  const end = state.instructions + instructions;
  const { horizon } = kernel;
  resumeInput(kernel);
  while (state.status === undefined) {
    if (state.input !== undefined) return { kind: 'input' };
    if (state.instructions >= horizon.instructions || state.clock >= horizon.clock)
      return { kind: 'horizon' };
    if (state.instructions >= end) return { kind: 'paused' };
    fireTimers(kernel);
    // One CPU may send its thread to another that was idle.
    while (state.cpus.some((cpu) => changesThread(kernel, cpu)));
    const ready = state.cpus.filter(({ current }) => current !== undefined);
    if (ready.length > 0) {
      turn(kernel, ready);
      continue;
    }
    const next = state.timers[0];
    if (next === undefined) return { kind: 'deadlock' };
    if (next.at >= horizon.clock) {
      state.clock = Math.max(state.clock, horizon.clock);
      return { kind: 'horizon' };
    }
    state.clock = Math.max(state.clock, next.at);
  }
  return { kind: 'ended', status: state.status };
}

/** Gives a CPU to another thread, where it is time. */
function changesThread(kernel: Kernel, cpu: CpuState): boolean {
  const due = cpu.reschedule ? !grantSlice(kernel, cpu) : cpu.current === undefined && cpu.queue.length > 0;
  if (due) schedule(kernel, cpu);
  return due;
}

/** One CPU runs its thread for a while. */
function turn(kernel: Kernel, ready: readonly CpuState[]): void {
  const chosen = kernel.policy.turn(viewOf(kernel), ready);
  for (const each of chosen.acts ?? []) act(kernel, each);
  if (chosen.instructions === 0) endTurn(kernel, chosen);
  else if (!chosen.cpu.reschedule) proceed(kernel, chosen);
}

function proceed(kernel: Kernel, chosen: Turn): void {
  const { state, horizon } = kernel;
  const { cpu, instructions } = chosen;
  const task = cpu.current!;
  if (!leaveKernel(kernel, task)) {
    if (state.input === undefined) cpu.reschedule = true;
    else state.input.turn = chosen;
    return;
  }
  const budget = Math.max(
    1,
    Math.min(
      task.ptrace?.step === true ? 1 : instructions,
      untilTimer(task),
      (state.timers[0]?.at ?? Number.POSITIVE_INFINITY) - state.clock,
      horizon.clock - state.clock,
      horizon.instructions - state.instructions,
    ),
  );
  setTimeStamp(task.registers, state.clock + budget, cpu.id);
  const marked = markedBeside(kernel, task);
  const { stop, done } = kernel.spaces.of(task.mm.id).run(task.registers, budget, false, marked);
  state.instructions += done;
  state.clock += done;
  spend(kernel, task, done);
  cameBy(kernel, task, stop.reason === 'trap' && stop.trap === 'system-call' ? 'call' : 'interrupt');
  if (stop.reason === 'trap' && stop.trap === 'system-call') {
    enterCall(kernel, task);
    return;
  }
  task.call = -1n;
  if (stop.reason !== 'budget' || task.ptrace?.step) kernel.arch.entered(task);
  if (stop.reason !== 'budget') fault(kernel, task, stop);
  // Stepped over an instruction: the debug trap.
  else if (task.ptrace?.step) {
    kernel.arch.stepped(task);
    const address = task.registers[RIP]!;
    forceSignal(kernel, task, { number: SIG.SIGTRAP, code: SI.TRAP_TRACE, address });
  } else if (budget === instructions) endTurn(kernel, chosen);
}

const NOBODY: readonly BigUint64Array[] = [];

/** Registers of those on other CPUs that have marked something in the same memory: an entry to the kernel takes the mark away (arch.entered). */
function markedBeside({ state, arch }: Kernel, task: Task): readonly BigUint64Array[] {
  if (!arch.hasMonitor || state.cpus.length < 2) return NOBODY;
  return state.cpus.flatMap(({ current }) =>
    current !== undefined &&
    current !== task &&
    current.mm === task.mm &&
    current.registers[STATE.monitor / 8] !== 0n
      ? [current.registers]
      : [],
  );
}

/** The system call that waited for the host's input, and what was left of its turn. */
function resumeInput(kernel: Kernel): void {
  const { input } = kernel.state;
  if (input === undefined) return;
  kernel.state.input = undefined;
  perform(kernel, input.task, input.arguments, input.resumed);
  if (kernel.state.input !== undefined) Object.assign(kernel.state.input, { turn: input.turn });
  else if (input.turn !== undefined) proceed(kernel, input.turn);
}

function fireTimers(kernel: Kernel): void {
  const { state } = kernel;
  while (state.timers[0] !== undefined && state.timers[0].at <= state.clock)
    fire(kernel, state.timers.shift()!);
}

function fire(kernel: Kernel, timer: Timer): void {
  switch (timer.kind) {
    case 'wait':
      endWait(kernel, timer.task, 'timeout');
      return;
    case 'alarm':
      fireAlarm(kernel, timer.process);
      return;
    case 'posix':
      firePosix(kernel, timer.process, timer.timer);
      return;
    case 'signal':
      signalDue(kernel, timer.task, timer.signal);
      return;
    case 'slice':
      sliceExpired(kernel, timer.task);
      return;
    default:
      return;
  }
}
