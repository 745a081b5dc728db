import type { Addr } from '../../abi/address.js';
import { BinaryError } from '../../binary/error.js';
import type { ProgramImage } from '../../binary/image.js';
import { readImage } from '../../binary/read.js';
import { PAGE_SIZE } from '../../machine/state.js';
import { checkProgram } from '../exec.js';
import type { Kernel } from '../kernel.js';
import { freeRange, LAYOUT, newArea, roundUp } from '../mm/areas.js';
import { readForced, writeForced } from '../mm/forced.js';
import { mapArea } from '../mm/map.js';
import type { Program } from '../program.js';
import { ProgramError } from '../program-error.js';
import { FS_BASE, RIP } from '../registers.js';
import { boot, run } from '../run.js';
import type { Mm, Task } from '../state.js';
import { placeCalls, type Returns } from './boot.js';
import { RESULT_STEP, returnsIn } from './externs.js';
import { chosen, type Scenario, scenariosOf } from './parts.js';
import { beginAnew, enterSetup, setArguments } from './phases.js';
import { callScenario } from './task-calls.js';

/** What a program may do before its main(). */
const LONGEST_START = 50_000_000;
const STEP = 1000;
const RLIMIT_STACK = 3;
/** Of threads: what the C library asks for unless told otherwise. Bytes. */
const THREAD_STACK = 256n * 1024n;

/** Where an executable's addresses begin. */
export const baseOf = ({ header }: Pick<ProgramImage, 'header'>): number =>
  header.type === 'shared' ? LAYOUT.pie : 0;

/** The same of one that is running, wherever it was put. */
export function baseIn(mm: Mm, executable: string, image: Pick<ProgramImage, 'header' | 'regions'>): number {
  const area = mm.areas.find(({ object }) => object?.name === executable);
  if (image.header.type !== 'shared' || area === undefined) return baseOf(image);
  const first = Number(image.regions[0]?.start ?? 0);
  return area.start - (first - (first % PAGE_SIZE));
}

/** The scenarios of a static executable, as it has them when its main() begins. Throws ProgramError. */
export function programScenarios(kernel: Kernel, program: Program): Scenario[] {
  const { image, main } = bootToMain(kernel, program);
  return scenariosOf(inMemory(kernel, main, image));
}

/**
 * Starts a scenario of a static executable: its own start code runs, and that of its C library, and where main() would begin the scenario does. The
 * threads are made by its pthread_create(3), where there is one. Throws ProgramError where that cannot be.
 */
export function bootProgram(
  kernel: Kernel,
  program: Program,
  name: string | undefined,
  calls?: readonly string[],
): Task {
  const { image, main } = bootToMain(kernel, program);
  const made = calls && callScenario(image, calls, baseOf(image));
  const scenario = made ?? chosen(program.path, scenariosOf(inMemory(kernel, main, image)), name);
  const create = functionIn(image, 'pthread_create');
  const hasLibrary = main.registers[FS_BASE] !== 0n;
  if (create === undefined && hasLibrary)
    throw new ProgramError(
      `${program.path} has no function pthread_create, which its tasks are started with; link it: gcc -static -Wl,-u,pthread_create`,
    );
  // Who asks this flag is told that these are no ordinary circumstances (include/rseqlab-native.h).
  const flag = image.symbols.find((symbol) => symbol.name === 'rseqlab_simulated')?.address;
  if (flag !== undefined) writeForced(kernel, main.mm, baseOf(image) + flag, Uint8Array.of(1, 0, 0, 0));
  const returns = placeReturns(kernel, main);
  kernel.state.scenario = {
    ...scenario,
    phase: 'setup',
    returnTo: returns.done,
    restorer: returns.restorer,
    released: returns.released,
    results: [],
    failure: undefined,
    program: {
      stack: (main.registers[kernel.arch.stackPointer]! - 256n) & ~15n,
      create,
      slot: returns.slot,
      gate: returns.gate,
      begun: 0,
      arrived: [],
    },
    ...(made && placeCalls(kernel, main.mm, made, returns)),
  };
  enterSetup(kernel, main);
  return main;
}

const functionIn = (image: ProgramImage, name: string): number | undefined => {
  const at = image.symbols.find((symbol) => symbol.name === name && symbol.kind === 'function')?.address;
  return at === undefined ? undefined : baseOf(image) + at;
};

function bootToMain(kernel: Kernel, program: Program): { image: ProgramImage; main: Task } {
  checkProgram(program, kernel.arch.name);
  const image = imageOf(program);
  const at = functionIn(image, 'main');
  if (at === undefined)
    throw new ProgramError(
      `${program.path} has no function main among its symbols, where its C library is ready: do not strip it, or give the relocatable object`,
    );
  const main = boot(kernel, program);
  const [, most] = main.process.limits.get(RLIMIT_STACK) ?? [0n, (1n << 64n) - 1n];
  main.process.limits.set(RLIMIT_STACK, [THREAD_STACK, most]);
  const { breakpoint } = kernel.arch.convention;
  const code = readForced(kernel, main.mm, at, breakpoint.code.length);
  writeForced(kernel, main.mm, at, breakpoint.code);
  let reached = false;
  kernel.onBreakpoint = ({ registers }) => {
    reached = registers[RIP] === BigInt(at + breakpoint.behind);
    // Not an instruction more.
    if (reached) kernel.horizon.instructions = kernel.state.instructions;
    return reached;
  };
  while (!reached) {
    const { kind } = run(kernel, STEP);
    if (kind !== 'paused' && !reached)
      throw new ProgramError(
        `${program.path} ends, or waits for ever, before main(): look at it with rseqlab run`,
      );
    if (kernel.state.instructions > LONGEST_START)
      throw new ProgramError(`${program.path} has not come to main() after ${LONGEST_START} instructions`);
  }
  kernel.onBreakpoint = undefined;
  kernel.horizon.instructions = Number.POSITIVE_INFINITY;
  writeForced(kernel, main.mm, at, code);
  main.registers[RIP] = BigInt(at);
  if (main.process.tasks.length > 1 || kernel.state.processes.size > 1)
    throw new ProgramError(
      `${program.path} starts threads or processes before main(), which cannot be explored`,
    );
  return { image, main };
}

function imageOf({ bytes, path }: Program): ProgramImage {
  try {
    return readImage(bytes, path);
  } catch (error) {
    if (error instanceof BinaryError) throw new ProgramError(error.message);
    throw error;
  }
}

/** The image as its start code has left it in memory: relocated. */
function inMemory(kernel: Kernel, { mm }: Task, image: ProgramImage) {
  const base = baseOf(image);
  const read = (at: Addr, size: number): Uint8Array | undefined => {
    const bytes = readForced(kernel, mm, at, size);
    return bytes.length === size ? bytes : undefined;
  };
  const view = (at: Addr, size: number): DataView | undefined => {
    const bytes = read(at, size);
    return bytes && new DataView(bytes.buffer, bytes.byteOffset);
  };
  return {
    name: image.name,
    read,
    u32: (at: Addr) => view(at, 4)?.getUint32(0, true),
    u64: (at: Addr) => view(at, 8)?.getBigUint64(0, true),
    section: (name: string) => {
      const section = image.section(name);
      return section?.address === undefined
        ? section
        : { ...section, address: (section.address + base) as Addr };
    },
  };
}

/** Where functions return to, where threads wait until the scenario begins, and a word for pthread_create's result. */
function placeReturns(
  kernel: Kernel,
  { mm }: Task,
): Returns & { readonly gate: number; readonly slot: number } {
  const { done, restorer, released, gate, results } = returnsIn(kernel.arch.name);
  const codes = [done, restorer, released, gate, ...Object.values(results).map((bytes) => ({ bytes }))];
  const size = roundUp(codes.length * RESULT_STEP);
  const start = freeRange(mm, size + 4096);
  mapArea(kernel, mm, newArea({ start, end: start + size }, 5, { name: '[rseqlab]' }));
  mapArea(
    kernel,
    mm,
    newArea({ start: start + size, end: start + size + 4096 }, 3, { name: '[rseqlab data]' }),
  );
  for (const [n, { bytes }] of codes.entries())
    writeForced(kernel, mm, start + n * RESULT_STEP, Uint8Array.from(bytes));
  return {
    done: start,
    restorer: start + RESULT_STEP,
    released: start + 2 * RESULT_STEP,
    gate: start + 3 * RESULT_STEP,
    results: start + 4 * RESULT_STEP,
    slot: start + size,
  };
}

/** All threads wait at the gate: they are put to where their tasks begin. By task. */
export function openGate(kernel: Kernel): Task[] {
  const { state } = kernel;
  const { tasks, calls, returnTo, program } = state.scenario!;
  const threads = program!.arrived.map(({ tid, task }) => ({ thread: state.tasks.get(tid)!, task }));
  threads.sort((a, b) => a.task - b.task);
  for (const { thread, task } of threads) {
    const { registers, mm } = thread;
    const [stack, pointer] = [registers[kernel.arch.stackPointer]!, registers[FS_BASE]!];
    const call = calls?.[task] ?? { returnTo, arguments: [] };
    beginAnew(kernel, thread, pointer);
    registers[RIP] = BigInt(tasks[task]!.start);
    // As the caller of the gate had it.
    const top = stack + BigInt(kernel.arch.convention.link === undefined ? 8 : 0);
    kernel.arch.convention.enter(thread, top, BigInt(call.returnTo), (at, word) =>
      kernel.memory(mm).setU64(at, word),
    );
    setArguments(kernel, thread, call.arguments);
    thread.wait = undefined;
    thread.state = 'runnable';
    thread.call = -1n;
  }
  state.waiters.clear();
  return threads.map(({ thread }) => thread);
}
