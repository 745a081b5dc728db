import type { Addr } from '../../abi/address.js';
import { RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import { SI } from '../../abi/signals.js';
import { rseqSignature } from '../../abi/signatures.js';
import { exitTask, killProcess } from '../exit.js';
import type { Kernel } from '../kernel.js';
import { freeRange, newArea, roundUp } from '../mm/areas.js';
import { mapArea } from '../mm/map.js';
import { ProgramError } from '../program-error.js';
import { logUniform } from '../random.js';
import { FS_BASE, RIP } from '../registers.js';
import { rseqCall } from '../rseq/registration.js';
import { enqueue } from '../schedule.js';
import { makeSignal, sendSignal } from '../signal/send.js';
import type { Task } from '../state.js';
import { type Call, int, type Result } from '../syscalls/call.js';
import { newTask } from '../tasks.js';
import { addTimer, blocked, wake } from '../wait.js';
import { SCENARIO_CALLS } from './calls.js';
import { TRACER } from './parts.js';
import { giveVariables, rseqOffset, threadBytes } from './thread-local.js';
import { released } from './tracer.js';

/** Bytes of a thread's stack. */
const STACK = 256 * 1024;
/** A signal arrives within so many nanoseconds of the task's start: early as likely as late, for tasks may be short or long. */
const SIGNAL_WITHIN = 20_000;

/** The main thread begins: with setup, or with what comes after it. */
export function enterSetup(kernel: Kernel, task: Task): void {
  const { setup, returnTo, program } = kernel.state.scenario!;
  if (program === undefined) {
    giveStack(kernel, task);
    registerRseq(kernel, task);
  }
  enterFunction(kernel, task, setup ?? (returnTo as Addr));
}

/** A stack, thread-local variables, a thread pointer, and struct rseq behind that, as glibc lays them out. */
function giveStack(kernel: Kernel, task: Task): void {
  const { mm } = task;
  const { below, above } = threadBytes(kernel);
  const size = STACK + roundUp(below) + roundUp(above);
  const start = freeRange(mm, size);
  mapArea(kernel, mm, newArea({ start, end: start + size }, 3, { name: `[stack:${task.tid}]` }));
  const at = start + size - roundUp(above);
  giveVariables(kernel, task, at);
  const pointer = BigInt(at);
  // It can be found by itself: `mov %fs:0`.
  if (kernel.arch.convention.variables === 'below') kernel.memory(mm).setU64(pointer, pointer);
  beginAnew(kernel, task, pointer);
}

/** Registers hold nothing but the thread pointer. */
export function beginAnew(kernel: Kernel, task: Task, pointer: bigint): void {
  kernel.arch.reset(task.registers);
  task.registers[FS_BASE] = pointer;
}

/** As glibc registers each thread: its active size, but at least the original one. */
function registerRseq(kernel: Kernel, task: Task): void {
  const address = task.registers[FS_BASE]! + BigInt(rseqOffset(kernel.arch));
  kernel.memory(task.mm).setU32(address + 4n, -1);
  rseqCall(
    kernel,
    task,
    address,
    Math.max(RSEQ_ORIG_SIZE, kernel.rules.featureSize),
    0,
    rseqSignature(kernel.arch.name),
  );
}

/** Calls a function; unless it is said otherwise it has no arguments, and returns to the `done` call. The stack is as the ABI wants it behind a call. */
export function enterFunction(
  kernel: Kernel,
  task: Task,
  start: Addr,
  call: { readonly returnTo: number; readonly arguments: readonly bigint[] } = {
    returnTo: kernel.state.scenario!.returnTo,
    arguments: [],
  },
): void {
  const { program } = kernel.state.scenario!;
  const top =
    program !== undefined && task.tid === task.process.pid
      ? program.stack
      : task.registers[FS_BASE]! - BigInt(threadBytes(kernel).below) - 64n;
  kernel.arch.convention.enter(task, top, BigInt(call.returnTo), (at, word) =>
    kernel.memory(task.mm).setU64(at, word),
  );
  task.registers[RIP] = BigInt(start);
  setArguments(kernel, task, call.arguments);
}

export function setArguments({ arch }: Kernel, { registers }: Task, words: readonly bigint[]): void {
  for (const [n, value] of words.entries()) registers[arch.convention.functionArguments[n]!] = value;
}

function setHandlers({ state }: Kernel, { process }: Task): void {
  const { signals, restorer } = state.scenario!;
  for (const { signal, handler } of signals.filter(({ signal }) => signal !== TRACER))
    process.handlers[signal] = {
      handler: BigInt(handler),
      flags: 0x1400_0000,
      restorer: BigInt(restorer),
      mask: 0n,
    };
}

/** The program makes its threads, one after the other, by its own pthread_create(&slot, NULL, gate, number). True while there is one to make. */
function makesThread(kernel: Kernel, main: Task, returned: number): boolean {
  const scenario = kernel.state.scenario!;
  const program = scenario.program!;
  if (returned !== 0)
    throw new ProgramError(
      `task ${scenario.tasks[program.begun - 1]!.name}: pthread_create gives error ${returned}; take fewer tasks`,
    );
  const number = program.begun;
  if (number === scenario.tasks.length) return false;
  program.begun++;
  enterFunction(kernel, main, program.create as Addr, {
    returnTo: scenario.returnTo,
    arguments: [program.slot, 0, program.gate, number].map(BigInt),
  });
  return true;
}

function startTasks(kernel: Kernel, main: Task): void {
  const scenario = kernel.state.scenario!;
  setHandlers(kernel, main);
  for (const [index, { name, start }] of scenario.tasks.entries()) {
    const tid = kernel.state.nextPid++;
    main.mm.users++;
    main.files.users++;
    main.fs.users++;
    const { process, mm, files, fs } = main;
    const task = newTask(kernel, tid, { process, mm, files, fs, from: main });
    task.name = name.slice(0, 15);
    task.exitSignal = -1;
    giveStack(kernel, task);
    // A program without a C library does that by itself.
    if (scenario.program === undefined) registerRseq(kernel, task);
    enterFunction(kernel, task, start, scenario.calls?.[index]);
    kernel.emit(task, { kind: 'start', pid: process.pid, parent: main.tid, how: 'thread', name });
    enqueue(kernel, task);
    for (const { signal } of scenario.signals.filter((each) => each.task === name))
      addTimer(kernel, {
        kind: 'signal',
        at: kernel.state.clock + logUniform(kernel.state.random, 1, SIGNAL_WITHIN),
        task,
        signal,
      });
  }
}

const tracerOf = ({ state }: Kernel, { name }: Task): Addr | undefined =>
  state.scenario!.signals.find((each) => each.signal === TRACER && each.task.slice(0, 15) === name)?.handler;

/** The signal of a RSEQLAB_SIGNAL is due, or a RSEQLAB_TRACER. */
export function signalDue(kernel: Kernel, task: Task, signal: number): void {
  if (task.state === 'dead') return;
  if (signal === TRACER) task.tracerDue = tracerOf(kernel, task);
  else sendSignal(kernel, task, makeSignal(signal, { code: SI.TKILL, pid: task.process.pid }));
}

/** A function of the scenario has returned: on to the next phase. */
function done(call: Call): Result {
  const { kernel, task, arguments: args } = call;
  const scenario = kernel.state.scenario!;
  if (task.tid !== task.process.pid) {
    exitTask(kernel, task, 0);
    if (task.process.tasks.length === 1) wake(kernel, 'scenario');
    return undefined;
  }
  const { phase } = scenario;
  if (phase === 'setup' || phase === 'threads') {
    if (scenario.program?.create !== undefined) {
      scenario.phase = 'threads';
      if (makesThread(kernel, task, phase === 'setup' ? 0 : int(args[0]))) return undefined;
      scenario.phase = 'tasks';
      setHandlers(kernel, task);
    } else {
      scenario.phase = 'tasks';
      startTasks(kernel, task);
    }
    return blocked(['scenario'], { arguments: args, interruptible: false });
  }
  if (phase === 'invariant' && int(args[0]) === 0) return fail(call, 'the invariant does not hold');
  const next = AFTER[phase].find((each) => scenario[each] !== undefined);
  if (next === undefined) {
    killProcess(kernel, task.process, 0);
    return undefined;
  }
  scenario.phase = next;
  enterFunction(kernel, task, scenario[next]!);
  return undefined;
}

/** What may come behind a phase. */
const AFTER = { tasks: ['invariant', 'finally'], invariant: ['finally'], finally: [] } as const;

function fail({ kernel, task }: Call, what: string): Result {
  kernel.state.scenario!.failure ??= what;
  killProcess(kernel, task.process, 1 << 8);
  return undefined;
}

export const SCENARIO_ROWS: ReadonlyMap<number, (call: Call) => Result> = new Map([
  [
    SCENARIO_CALLS.result,
    ({ kernel, task, arguments: [value] }: Call) => {
      kernel.state.scenario!.results.push({ task: task.name, value: BigInt.asIntN(64, value!) });
      return undefined;
    },
  ],
  [
    SCENARIO_CALLS.fail,
    (call: Call) => {
      const {
        memory,
        arguments: [claim, file, line],
      } = call;
      return fail(call, `${memory.text(file!)}:${int(line)}: ${memory.text(claim!)} does not hold`);
    },
  ],
  [SCENARIO_CALLS.done, done],
  [
    SCENARIO_CALLS.gate,
    ({ kernel, task, arguments: args }: Call) => {
      kernel.state.scenario!.program?.arrived.push({ task: int(args[0]), tid: task.tid });
      return blocked(['gate'], { arguments: args, interruptible: false });
    },
  ],
  [SCENARIO_CALLS.released, released],
  // Says something to those who compare orders of operations only.
  [SCENARIO_CALLS.operation, () => undefined],
]);
