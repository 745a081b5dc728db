import { type Addr, hex, plus } from '../../abi/address.js';
import { demangle } from '../../binary/demangle/index.js';
import type { ProgramImage } from '../../binary/image.js';
import { instructionsOf } from '../../check/view.js';
import type { Instruction } from '../../isa/instruction.js';
import type { SourceAt, StressPoint, StressSection } from '../../report/stress-document.js';
import type { Findings } from '../../sections/find.js';
import type { CriticalSection } from '../../sections/section.js';
import type { LiveSection } from '../modules.js';
import { placeOf } from '../place-of.js';

/** An instruction of a section, and what was done there. */
export interface Point {
  /** In the file. */
  readonly at: number;
  /** What --only and a failure name it by: file and address. */
  readonly id: string;
  readonly instruction: Instruction;
  /** It writes to memory. */
  readonly stores: boolean;
  forced: number;
  natural: number | undefined;
  unprotected: number;
  readonly threads: Set<number>;
}

/** A section of a file, wherever and however often it is mapped. */
export interface Target {
  readonly file: string;
  readonly section: CriticalSection;
  readonly image: ProgramImage;
  readonly points: readonly Point[];
  /** Addresses in the file where a thread goes on that has left the section unaborted, and comes to in no other way before it begins it again. */
  readonly exits: readonly number[];
  /** Instructions between the store to rseq_cs and start_ip: an interruption there disarms the section, and right code has none. */
  readonly gaps: readonly Point[];
}

const key = ({ module, section }: LiveSection): string =>
  `${module.name} ${section.descriptor.startIp} ${section.descriptor.postCommitOffset} ${section.descriptor.abortIp}`;

/** All sections seen, each once. */
export class Targets {
  private readonly known = new Map<string, Target | undefined>();

  /** Undefined where there is no code to abort. */
  of(live: LiveSection): Target | undefined {
    const name = key(live);
    if (!this.known.has(name)) this.known.set(name, make(live));
    return this.known.get(name);
  }

  get all(): Target[] {
    return [...this.known.values()].filter((target) => target !== undefined);
  }
}

function make({ module, section }: LiveSection): Target | undefined {
  const findings = module.file.findings;
  if (findings === undefined) return undefined;
  const flow = findings.flowOf(section);
  // What no control flow leads to cannot be aborted at.
  const instructions = instructionsOf(findings, section).filter(
    ({ address, flow: kind }) => kind !== 'unknown' && (flow?.reached(address) ?? true),
  );
  if (instructions.length === 0) return undefined;
  const pointOf = (instruction: Instruction): Point => ({
    at: instruction.address,
    id: `${module.name}:${hex(instruction.address)}`,
    instruction,
    stores: instruction.memory.some(({ write }) => write),
    forced: 0,
    natural: undefined,
    unprotected: 0,
    threads: new Set(),
  });
  return {
    file: module.name,
    section,
    image: findings.image,
    points: instructions.map(pointOf),
    exits: exitsOf(findings, section, instructions),
    gaps: gapOf(findings, section).map(pointOf),
  };
}

/** A longer way from the arming store to the section is not followed, in instructions. */
const LONGEST_GAP = 16;

function gapOf({ code }: Findings, { start, armings }: CriticalSection): Instruction[] {
  const gap = new Map<number, Instruction>();
  for (const { at } of armings) {
    const way: Instruction[] = [];
    const store = code?.at(at);
    let next = store && plus(at, store.length);
    while (next !== undefined && next !== start && way.length < LONGEST_GAP) {
      const instruction = code?.at(next);
      // Straight on only: what is behind a branch is perhaps on another way.
      if (instruction?.flow !== 'next') break;
      way.push(instruction);
      next = plus(next, instruction.length);
    }
    if (next === start) for (const instruction of way) gap.set(instruction.address, instruction);
  }
  return [...gap.values()];
}

/** An exit that an aborted thread comes to as well tells nothing. */
function exitsOf(
  findings: Findings,
  section: CriticalSection,
  instructions: readonly Instruction[],
): number[] {
  const { start, end, abort } = section as { start: Addr; end: Addr; abort: Addr };
  const flow = findings.flowOf(section);
  if (flow === undefined) return [];
  const inside = (at: Addr): boolean => at >= start && at < end;
  const aborted = flow.walk([abort], inside);
  const exits = instructions.flatMap(({ address }) => flow.successors(address)).filter((to) => !inside(to));
  return [...new Set(exits)].filter((to) => !aborted.has(to));
}

const lineOf = (image: ProgramImage, at: Addr): { source?: SourceAt } => {
  const line = image.lineAt(at);
  return line === undefined ? {} : { source: { file: line.file, line: line.line } };
};

export function reportOf({ file, section, image, points, gaps }: Target): StressSection {
  const reported = points.map((point) => pointReport(image, point));
  return {
    file,
    ...(section.function !== undefined && { function: demangle(section.function) }),
    startIp: hex(section.start!),
    endIp: hex(section.end!),
    abortIp: hex(section.abort!),
    ...lineOf(image, section.start!),
    entered: points.some(({ forced, unprotected }) => forced > 0 || unprotected > 0),
    points: reported,
    ...(gaps.length > 0 && { gap: gaps.map((point) => pointReport(image, point)) }),
  };
}

function pointReport(
  image: ProgramImage,
  { instruction, forced, natural, unprotected, threads }: Point,
): StressPoint {
  const { address, text } = instruction;
  return {
    ip: hex(address),
    place: placeOf(image, address),
    text,
    ...lineOf(image, address),
    forced,
    ...(natural !== undefined && { natural }),
    unprotected,
    threads: threads.size,
  };
}
