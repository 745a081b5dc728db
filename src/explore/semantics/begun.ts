import { BinaryError } from '../../binary/error.js';
import { readImage } from '../../binary/read.js';
import { fromBase64 } from '../../event/base64.js';
import type { Event } from '../../event/event.js';
import { readRecording } from '../../event/recording.js';
import { liveTasks } from '../../kernel/exit.js';
import type { Kernel } from '../../kernel/kernel.js';
import { leaveKernel } from '../../kernel/leave.js';
import { makePolicy } from '../../kernel/policies/index.js';
import type { Program } from '../../kernel/program.js';
import { RIP } from '../../kernel/registers.js';
import { switchedOut } from '../../kernel/rseq/events.js';
import { run } from '../../kernel/run.js';
import { baseIn } from '../../kernel/scenario/boot-program.js';
import { restart } from '../../kernel/session.js';
import type { CpuState, ScenarioState, Task } from '../../kernel/state.js';
import type { FutexWait } from '../../kernel/syscalls/futex-queue.js';
import type { Place } from './local.js';
import { growStack, type Origin } from './origin.js';
import { type RecordedPoint, startName } from './recorded-point.js';
import { Refusal } from './refusal.js';
import { isKnownWait, STANDING, standingOf } from './standing.js';
import { WatchedMachine } from './watched.js';
import { type Area, rseqAt } from './windows.js';

/** The threads of a recorded run at a moment of it. Throws RecordingError, ProgramError, Refusal. */
export function recordedOrigin(program: Program, { recording, event, clock, areas }: RecordedPoint): Origin {
  let observer: (event: Event) => void = () => {};
  const kernel = restart(readRecording(fromBase64(recording), program.path), () => {}, [
    () => (each) => observer(each),
  ]);
  if (kernel.state.scenario !== undefined)
    throw new Refusal(
      'the recording is one of a scenario: explore the object itself, from its beginning, which leaves nothing out',
    );
  kernel.horizon.clock = clock;
  const { kind } = run(kernel, Number.POSITIVE_INFINITY);
  if (kind === 'input')
    throw new Refusal(`at event ${event} the program waits for standard input; choose an earlier event`);
  if (kind !== 'horizon')
    throw new Refusal(
      `at event ${event} the run is over, and there is nothing left to explore; choose an earlier event`,
    );
  return begunOrigin(kernel, startName(event), areas, (other) => {
    observer = other;
  });
}

/** Beyond all memory: threads return to nowhere. */
const NOWHERE = 0xffff_fff0;

/**
 * The threads of a program, as a kernel that stands between two turns has them, whoever brought it there. All is explored from there on; the kernel
 * is used up. Throws Refusal, which names thread and call, where something is under way that cannot be explored.
 */
export function begunOrigin(
  kernel: Kernel,
  name: string,
  expected: RecordedPoint['areas'],
  listen: Origin['listen'],
): Origin {
  const { state } = kernel;
  const living = [...state.processes.values()].filter((process) => liveTasks(process).length > 0);
  const [process] = living;
  if (process === undefined) throw new Refusal('no thread is left there; choose an earlier event');
  if (living.length > 1)
    throw new Refusal(
      `there are ${living.length} processes (${living.map(({ pid }) => pid).join(', ')}): the threads of one can be explored; choose an event where the others have not begun, or have ended`,
    );
  const nameOf = namer(liveTasks(process));
  kernel.horizon = { instructions: Number.POSITIVE_INFINITY, clock: Number.POSITIVE_INFINITY };
  kernel.policy = makePolicy('rr', 1);
  watch(kernel);
  for (const task of liveTasks(process)) refuseFor(kernel, task, nameOf(task));
  for (const cpu of state.cpus) settle(kernel, cpu);
  const tasks = liveTasks(process);
  if (tasks.length === 0 || process.exiting !== undefined)
    throw new Refusal('the process is ending there; choose an earlier event');
  for (const task of tasks) refuseWait(kernel, task, nameOf(task));
  refuseProcess(kernel, tasks);
  const main = tasks[0]!;
  growStack(kernel, main);
  const scenario: ScenarioState = {
    name,
    claim: '',
    setup: undefined,
    tasks: tasks.map((task) => ({
      name: nameOf(task),
      start: Number(task.registers[RIP]!) as ScenarioState['tasks'][number]['start'],
    })),
    signals: [],
    invariant: undefined,
    finally: undefined,
    phase: 'tasks',
    returnTo: NOWHERE,
    released: NOWHERE,
    restorer: NOWHERE,
    results: [],
    failure: undefined,
  };
  state.scenario = scenario;
  return { kernel, main, tasks, begun: true, linked: true, areas: areasOf(tasks, expected), listen };
}

function areasOf(tasks: readonly Task[], expected: RecordedPoint['areas']): Map<Task, Area> {
  const areas = new Map<Task, Area>();
  for (const task of tasks) {
    const { pointer, length } = task.rseq;
    const will = expected.findLast(([tid]) => tid === task.tid);
    if (pointer !== 0n) areas.set(task, rseqAt(pointer, length));
    else if (will !== undefined) areas.set(task, rseqAt(BigInt(will[1]), will[2]));
  }
  return areas;
}

/** What threads are called: by their names, and numbers where these do not tell them apart. */
function namer(tasks: readonly Task[]): (task: Task) => string {
  return (task) =>
    tasks.filter(({ name }) => name === task.name).length === 1 || task.tid === task.process.pid
      ? task.name
      : `${task.name}:${task.tid}`;
}

/** Puts the memories into machines that can be watched. */
function watch(kernel: Kernel): void {
  const memories = kernel.spaces.all.map(
    ([id, { machine }]) => [id, machine.snapshot(), machine.fold] as const,
  );
  kernel.spaces.makeMachine = (fold) => new WatchedMachine(fold);
  for (const [id, memory, fold] of memories) {
    kernel.spaces.release(id);
    kernel.spaces.create(id, fold).machine.restore(memory);
  }
  kernel.forgetAll();
}

/** A CPU comes to where its thread runs in its program, or has no thread. */
function settle(kernel: Kernel, cpu: CpuState): void {
  const task = cpu.current;
  cpu.reschedule = false;
  cpu.visitor = undefined;
  if (task === undefined) return;
  if (task.state === 'runnable' && leaveKernel(kernel, task)) {
    task.call = -1n;
    task.trap = { number: 0, error: 0, address: 0n };
    return;
  }
  cpu.reschedule = false;
  cpu.current = undefined;
  if (task.state !== 'dead') switchedOut(kernel, task);
}

function refuseFor(kernel: Kernel, task: Task, name: string): void {
  const no = (what: string): never => {
    throw new Refusal(`thread ${name} (${task.tid}) ${what}; choose another event`);
  };
  if (task.ptrace !== undefined) no('is traced by another process, which cannot be explored');
  if (task.state === 'stopped' || task.state === 'traced') no('is stopped, which cannot be explored');
  if (task.rseq.slice.enabled)
    no('may ask for a longer time slice (rseq_slice_yield), which cannot be explored');
  if (task.entered !== undefined || task.after !== undefined)
    no(`is in the middle of ${callOf(kernel, task)}`);
}

const callOf = (kernel: Kernel, { call }: Task): string =>
  `${kernel.syscallName(Number(BigInt.asUintN(32, call)))}(2)`;

function refuseWait(kernel: Kernel, task: Task, name: string): void {
  const { wait } = task;
  if (wait !== undefined && !isKnownWait(wait))
    throw new Refusal(
      `thread ${name} (${task.tid}) waits in ${callOf(kernel, task)}, which cannot be explored: only futex(2) and nanosleep(2) can; choose another event`,
    );
}

const TIMERS = {
  alarm: 'setitimer(2) or alarm(2)',
  posix: 'timer_settime(2)',
  slice: 'a time slice extension',
  signal: 'a signal',
} as const;

function refuseProcess({ state }: Kernel, tasks: readonly Task[]): void {
  const [{ process, mm }] = tasks as readonly [Task];
  for (const { kind } of state.timers)
    if (kind !== 'wait')
      throw new Refusal(
        `a timer of ${TIMERS[kind]} is running, whose signal cannot be explored; choose an event before it was armed`,
      );
  if (process.shared.length > 0)
    throw new Refusal(
      'a signal for the whole process is pending, which cannot be explored; choose another event',
    );
  if (mm.outOfMemory) throw new Refusal('the process is out of memory; choose an earlier event');
  const shared = mm.areas.filter((area) => area.shared && area.object !== undefined);
  for (const area of shared)
    if (
      shared.some(
        (other) =>
          other !== area && other.object === area.object && ((other.protection | area.protection) & 2) !== 0,
      )
    )
      throw new Refusal(
        'the program has mapped the same memory twice (MAP_SHARED), which cannot be explored; choose another event',
      );
}

/** Where a task is at the start. */
export function placeAt({ state }: Kernel, task: Task): Place {
  if (task.state === 'blocked') return { kind: 'asleep' };
  const cpu = state.cpus.find(({ current }) => current === task);
  return cpu === undefined ? { kind: 'off' } : { kind: 'on', cpu: cpu.id, cid: Math.max(0, task.mmCid) };
}

/** How it stands then. */
export function standingAt({ state }: Kernel, task: Task): bigint {
  const { wait } = task;
  if (task.state !== 'blocked' || wait === undefined) return STANDING.awake;
  const [key] = wait.keys;
  if (key === undefined) return STANDING.alone;
  const place = state.waiters.get(key)!.indexOf(task);
  return standingOf({ place, key, bitset: (wait.data as FutexWait).bitset });
}

/** Where the program says that an assertion of assert(3) does not hold; undefined where it has none, or no symbols. */
export function assertOf({ bytes, path }: Program, { mm, process }: Task): bigint | undefined {
  try {
    const image = readImage(bytes, path);
    const at = image.symbols.find(({ name }) => name === '__assert_fail')?.address;
    return at === undefined ? undefined : BigInt(baseIn(mm, process.exe, image) + at);
  } catch (error) {
    if (error instanceof BinaryError) return undefined;
    throw error;
  }
}
