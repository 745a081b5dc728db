import {
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  InstructionInfoFactory,
  OpAccess,
} from 'iced-x86';
import { SI, SIG } from '../abi/signals.js';
import { TASK_SIZE } from '../abi/task-size.js';
import type { Stop } from '../machine/cpu.js';
import { act } from './acts.js';
import { enter, load, nameTask } from './exec.js';
import { joined, keepFile } from './files/lookup.js';
import { install, newFile } from './files/table.js';
import { floatException, setTimeStamp } from './fx.js';
import type { Kernel } from './kernel.js';
import { leaveKernel } from './leave.js';
import { type FaultOutcome, resolveFault } from './mm/fault.js';
import { viewOf } from './policy-view.js';
import type { Program } from './program.js';
import { RIP } from './registers.js';
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
  enter(task, entry, stack);
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
  const { stop, done } = kernel.spaces.of(task.mm.id).run(task.registers, budget);
  state.instructions += done;
  state.clock += done;
  spend(kernel, task, done);
  cameBy(kernel, task, stop.reason === 'trap' && stop.trap === 'system-call' ? 'call' : 'interrupt');
  if (stop.reason === 'trap' && stop.trap === 'system-call') {
    enterCall(kernel, task);
    return;
  }
  task.call = -1n;
  if (stop.reason !== 'budget') fault(kernel, task, stop);
  // Stepped over an instruction: the debug trap (arch/x86/kernel/traps.c exc_debug_user).
  else if (task.ptrace?.step) {
    task.trap = { ...task.trap, number: X86_TRAP_DB, error: 0 };
    const address = task.registers[RIP]!;
    forceSignal(kernel, task, { number: SIG.SIGTRAP, code: SI.TRAP_TRACE, address });
  } else if (budget === instructions) endTurn(kernel, chosen);
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

/** What the processor refuses becomes a signal (arch/x86/kernel/traps.c, mm/fault.c). */
export function fault(kernel: Kernel, task: Task, stop: Exclude<Stop, { reason: 'budget' }>): void {
  const ip = task.registers[RIP]!;
  if (stop.reason === 'fault') {
    const { address, access } = stop.fault;
    if (!isCanonical(address)) {
      task.trap = { number: X86_TRAP_GP, error: 0, address: 0n };
      forceSignal(kernel, task, { number: SIG.SIGSEGV, code: SI.KERNEL, address: 0n });
      return;
    }
    // Whether an address of the kernel is there is nobody's business: it always is (sanitize_error_code).
    const present = address >= TASK_SIZE['x86-64'].usual || kernel.spaces.of(task.mm.id).isPresent(address);
    const signal = FAULT_SIGNALS[resolveFault(kernel, task.mm, address, access)];
    if (signal === undefined) return;
    const kind = access === 'read' && modifies(kernel, task) ? PF.write : PF[access];
    task.trap = { number: X86_TRAP_PF, error: (present ? PF.PROT : 0) | PF.USER | kind, address };
    forceSignal(kernel, task, { ...signal, address });
    return;
  }
  if (stop.reason === 'unknown' || stop.trap === 'unsupported') {
    const code = kernel.spaces.of(task.mm.id).machine.fetch(ip);
    const { text, length } = disassemble(code, ip);
    const bytes = [...code.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    kernel.emit(task, { kind: 'unknown-instruction', ip, bytes, text });
    task.trap = { ...task.trap, number: X86_TRAP_UD, error: 0 };
    forceSignal(kernel, task, { number: SIG.SIGILL, code: SI.ILL_ILLOPN, address: ip });
    return;
  }
  if (stop.trap === 'float') {
    const { code, trap } = floatException(task.registers);
    task.trap = { ...task.trap, number: trap, error: 0 };
    forceSignal(kernel, task, { number: SIG.SIGFPE, code, address: ip });
    return;
  }
  if (stop.trap === 'breakpoint' && kernel.onBreakpoint?.(task) === true) return;
  const [number, code, trap] = TRAP_SIGNALS[stop.trap] ?? [SIG.SIGSEGV, SI.KERNEL, X86_TRAP_GP];
  task.trap = { ...task.trap, number: trap, error: 0 };
  forceSignal(kernel, task, { number, code, address: code === SI.KERNEL ? 0n : ip });
}

const X86_TRAP_DB = 1;
const X86_TRAP_UD = 6;
const X86_TRAP_GP = 13;
const X86_TRAP_PF = 14;
/** The error code of a page fault (arch/x86/include/asm/trap_pf.h), by its access too. */
const PF = { PROT: 1, USER: 4, read: 0, write: 2, execute: 16 } as const;

/** By what became of an access. */
const FAULT_SIGNALS: Readonly<
  Record<FaultOutcome, { readonly number: number; readonly code: number } | undefined>
> = {
  done: undefined,
  killed: undefined,
  unmapped: { number: SIG.SIGSEGV, code: SI.SEGV_MAPERR },
  forbidden: { number: SIG.SIGSEGV, code: SI.SEGV_ACCERR },
  beyond: { number: SIG.SIGBUS, code: SI.BUS_ADRERR },
};

/** Bits 47 to 63 are alike (Intel SDM vol. 1, 3.3.7.1); another address is a general protection fault, which does not say where. */
const isCanonical = (address: bigint): boolean => {
  const top = BigInt.asIntN(64, address) >> 47n;
  return top === 0n || top === -1n;
};

/** The trap's number as in arch/x86/include/asm/trapnr.h. */
const TRAP_SIGNALS: Readonly<Record<string, readonly [signal: number, code: number, trap: number]>> = {
  undefined: [SIG.SIGILL, SI.ILL_ILLOPN, X86_TRAP_UD],
  breakpoint: [SIG.SIGTRAP, SI.KERNEL, 3],
  divide: [SIG.SIGFPE, SI.FPE_INTDIV, 0],
  halt: [SIG.SIGSEGV, SI.KERNEL, X86_TRAP_GP],
  overflow: [SIG.SIGSEGV, SI.KERNEL, 4],
};

/** An instruction that reads memory to write it faults as a write (measured). */
function modifies(kernel: Kernel, task: Task): boolean {
  const ip = task.registers[RIP]!;
  const decoder = new Decoder(64, kernel.spaces.of(task.mm.id).machine.fetch(ip), DecoderOptions.None);
  const factory = new InstructionInfoFactory();
  const instruction = decoder.decode();
  const info = factory.info(instruction);
  const both: readonly OpAccess[] = [OpAccess.ReadWrite, OpAccess.ReadCondWrite];
  const found = info.usedMemory().some(({ access }) => both.includes(access));
  for (const each of [info, instruction, factory, decoder]) each.free();
  return found;
}

export function disassemble(bytes: Uint8Array, ip: bigint): { text: string; length: number } {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  decoder.ip = ip;
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Gas);
  const text = formatter.format(instruction);
  const { length } = instruction;
  formatter.free();
  instruction.free();
  decoder.free();
  return { text, length };
}
