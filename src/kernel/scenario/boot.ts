import { demangle } from '../../binary/demangle/index.js';
import { BinaryError } from '../../binary/error.js';
import type { ProgramImage, Region } from '../../binary/image.js';
import { externStep } from '../../binary/link.js';
import { readImage } from '../../binary/read.js';
import { callSites } from '../../sections/call-sites.js';
import { nameTask } from '../exec.js';
import type { Kernel } from '../kernel.js';
import { freeRange, LAYOUT, newArea, roundDown, roundUp } from '../mm/areas.js';
import { writeForced } from '../mm/forced.js';
import { mapArea, newMm } from '../mm/map.js';
import type { Program } from '../program.js';
import { ProgramError } from '../program-error.js';
import { firstTask } from '../run.js';
import type { Mm, Task } from '../state.js';
import { externOf, isExtern, NAMES, RESULT_STEP, RESULT_TYPES, returnsIn } from './externs.js';
import { chosen, scenariosOf } from './parts.js';
import { enterSetup } from './phases.js';
import { type CallScenario, callScenario } from './task-calls.js';
import { threadTemplate } from './thread-local.js';

/** A relocatable object with scenarios in it? Everything else about the file is for others to judge. */
export function hasScenario(bytes: Uint8Array, name: string): boolean {
  try {
    const image = readImage(bytes, name, { ownPages: true });
    return image.header.type === 'relocatable' && scenariosOf(image).length > 0;
  } catch (error) {
    if (error instanceof BinaryError) return false;
    throw error;
  }
}

/** Starts a scenario of a relocatable object: the one named, or its only one; or, with `calls`, one whose tasks call these functions. Throws ProgramError where that cannot be. */
export function bootScenario(
  kernel: Kernel,
  program: Program,
  name: string | undefined,
  calls?: readonly string[],
): Task {
  const image = readImage(program.bytes, program.path, { ownPages: true, provided: isExtern });
  const { architecture, bits, littleEndian } = image.header;
  if (architecture !== kernel.arch.name || bits !== 64 || !littleEndian)
    throw new ProgramError(
      `${program.path} is for ${architecture}, ${bits} bits, ${littleEndian ? 'little' : 'big'}-endian; scenarios of relocatable objects are for x86-64 and little-endian aarch64`,
    );
  const made = calls && callScenario(image, calls);
  const scenario = made ?? chosen(image.name, scenariosOf(image), name);
  const mm = newMm(kernel);
  const threads = threadTemplate(image);
  const returns = loadObject(kernel, mm, image);
  const task = firstTask(kernel, mm);
  nameTask(task, program);
  kernel.state.scenario = {
    ...scenario,
    phase: 'setup',
    returnTo: returns.done,
    restorer: returns.restorer,
    released: returns.released,
    results: [],
    failure: undefined,
    ...(threads && { threads }),
    ...(made && placeCalls(kernel, mm, made, returns)),
  };
  kernel.emit(task, {
    kind: 'start',
    pid: task.tid,
    parent: 0,
    how: 'exec',
    name: `${task.name} ${scenario.name}`,
  });
  enterSetup(kernel, task);
  return task;
}

/** Where functions of scenarios return to. */
export interface Returns {
  readonly done: number;
  readonly restorer: number;
  readonly released: number;
  /** The first of RESULT_TYPES. */
  readonly results: number;
}

/** Gives buffers their places, behind everything else, and calls their arguments. */
export function placeCalls(kernel: Kernel, mm: Mm, { calls, buffers }: CallScenario, returns: Returns) {
  // Behind everything else; in a program that is where its stack is.
  const isObject = mm.stackStart === 0;
  let at = Math.max(...mm.areas.map(({ end }) => end)) + 4096;
  const placed = buffers.map(({ name, size }) => {
    const start = isObject ? at : freeRange(mm, roundUp(size) + 4096);
    map(kernel, mm, start, start + roundUp(size), 3, name);
    at = start + roundUp(size) + 4096;
    return { name, start, size };
  });
  return {
    buffers: placed,
    calls: calls.map(({ result, arguments: words }) => ({
      returnTo:
        result === 'void' ? returns.done : returns.results + RESULT_TYPES.indexOf(result) * RESULT_STEP,
      arguments: words.map((word) => (typeof word === 'bigint' ? word : BigInt(placed[word.buffer]!.start))),
    })),
  };
}

/** What libc runs before main; with a priority as well. */
const CONSTRUCTORS = /^\.(init_array|preinit_array|ctors)(\.\d+)?$/;

/** Maps the object's sections, and behind them what it may use without defining it. Returns where functions of scenarios return to. */
function loadObject(kernel: Kernel, mm: Mm, image: ProgramImage): Returns {
  const poke = (at: number, bytes: Uint8Array): unknown => writeForced(kernel, mm, at, bytes);
  if (image.sections.some(({ name, size }) => CONSTRUCTORS.test(name) && size > 0))
    throw new ProgramError(
      `${image.name} has constructors of static objects, which do not run here: make them constant (constinit), and set them in RSEQLAB_SETUP`,
    );
  const pages = new Map<number, number>();
  for (const region of image.regions) {
    const end = roundUp(region.start + region.size);
    for (let page = roundDown(region.start); page < end; page += 4096)
      pages.set(page, (pages.get(page) ?? 0) | accessOf(region));
  }
  for (const [page, protection] of [...pages].sort(([a], [b]) => a - b))
    map(kernel, mm, page, page + 4096, protection, image.name);
  for (const { start, bytes } of image.regions) poke(start, bytes);
  const { name: arch } = kernel.arch;
  refuseRelocations(image);
  const externs = [...(image.externs ?? [])];
  const unknown = externs.filter(([name]) => externOf(arch, name, kernel.rules.featureSize) === undefined);
  if (unknown.length > 0)
    throw new ProgramError(
      `${image.name} uses ${listed(unknown.map(([name]) => demangle(name)))}, which it does not define; an object can use ${NAMES.join(', ')}: ` +
        `link anything else into it (gcc -r), or link a program (gcc -static)${unknown.some(([name]) => OUTLINE_ATOMICS.test(name)) ? '; compile it with -mno-outline-atomics' : ''}`,
    );
  const start = externs.length > 0 ? roundDown(externs[0]![1]) : roundUp(Math.max(...pages.keys()) + 8192);
  const step = externStep(arch);
  const returns = {
    done: start + externs.length * step,
    restorer: start + (externs.length + 1) * step,
    released: start + (externs.length + 2) * step,
    results: start + (externs.length + 3) * step,
  };
  const end = returns.results + RESULT_TYPES.length * RESULT_STEP;
  map(kernel, mm, start, roundUp(end), 5, '[rseqlab]');
  for (const [name, at] of externs)
    poke(at, Uint8Array.from(externOf(arch, name, kernel.rules.featureSize)!.bytes));
  const { done, restorer, released, results } = returnsIn(arch);
  poke(returns.done, Uint8Array.from(done.bytes));
  poke(returns.restorer, Uint8Array.from(restorer.bytes));
  poke(returns.released, Uint8Array.from(released.bytes));
  for (const [n, bytes] of Object.values(results).entries())
    poke(returns.results + n * RESULT_STEP, Uint8Array.from(bytes));
  mm.callSites = callSites(image);
  mm.brkStart = mm.brk = LAYOUT.pie;
  return returns;
}

/** Functions of libgcc by which GCC reaches atomic instructions that a processor may not have. */
const OUTLINE_ATOMICS = /^__aarch64_(cas|swp|ld)/;

/** Relocations that the linker does not know would leave code undone. */
function refuseRelocations({ name, header, relocations }: ProgramImage): void {
  const unknown = relocations.find(({ typeName }) => typeName.startsWith('type '));
  if (header.architecture === 'aarch64' && unknown !== undefined)
    throw new ProgramError(
      `${name} has relocations of ${unknown.typeName}, which are not known here: compile it with -mcmodel=small, and with -fPIE rather than -fpic; or link a program (gcc -static)`,
    );
}

/** The first few, so that the line stays one that can be read. */
function listed(names: readonly string[], most = 8): string {
  const more = names.length - most;
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

const accessOf = ({ writable, executable }: Region): number => 1 | (writable ? 2 : 0) | (executable ? 4 : 0);

function map(kernel: Kernel, mm: Mm, start: number, end: number, protection: number, name: string): void {
  mapArea(kernel, mm, newArea({ start, end }, protection, { name }));
}
