import { type Addr, hex, plus } from '../abi/address.js';
import type { ProgramImage } from '../binary/image.js';
import type { Instruction } from '../isa/instruction.js';
import type { Findings } from '../sections/find.js';
import type { CriticalSection } from '../sections/section.js';
import { describeData, describePlace, nameOf } from './place.js';
import { instructionsOf } from './view.js';

/** One line of a section's disassembly: an instruction, or (no place) a label between them. */
export interface ListingLine {
  /** `0x4011c4`, or `.text+0x14` in a relocatable file; undefined for a label. */
  readonly place: string | undefined;
  /** The instruction as GNU as writes it, or the label: `start_ip`, `abort_ip`, `... 7 instructions ...`. */
  readonly text: string;
  /** What an operand or a branch refers to: `<push+0x14>`, or '' where it names nothing. */
  readonly refers: string;
  /** The guilty instruction of the finding. */
  readonly marked: boolean;
}

/** Instructions shown in front of start_ip (the arming store is there) and behind the end. */
const BEFORE = 3;
const AFTER = 1;
/** Longest listing, in instructions; the middle of a longer section is left out, but never a marked line. */
const LONGEST = 40;

/** The section disassembled, with labels at its borders, the instructions at `marks` marked. Empty where there is no code to show. */
export function sectionListing(
  found: Findings,
  section: CriticalSection,
  marks: ReadonlySet<Addr>,
): ListingLine[] {
  const { image, code } = found;
  const { end, abort } = section;
  const inside = instructionsOf(found, section);
  if (code === undefined || end === undefined || inside.length === 0) return [];
  const lines: ListingLine[] = [];
  const shown = new Set<Addr>();
  const line = (instruction: Instruction): void => {
    shown.add(instruction.address);
    lines.push(render(image, instruction, marks));
  };
  const label = (text: string): void => {
    lines.push({ place: undefined, text, refers: '', marked: false });
  };
  for (const instruction of leadIn(found, section)) line(instruction);
  label('start_ip:');
  const hidden =
    inside.length > LONGEST ? new Set(inside.slice(LONGEST / 2, -LONGEST / 2)) : new Set<Instruction>();
  let skipped = 0;
  for (const instruction of inside) {
    if (hidden.has(instruction) && !marks.has(instruction.address)) {
      skipped++;
      shown.add(instruction.address);
      continue;
    }
    if (skipped > 0) label(`... ${skipped} instructions ...`);
    skipped = 0;
    line(instruction);
  }
  label('end of section (start_ip + post_commit_offset):');
  for (let at: Addr = end, n = 0; n < AFTER; n++) {
    const instruction = code.at(at);
    if (instruction === undefined) break;
    line(instruction);
    at = plus(at, instruction.length);
  }
  const handler = abort === undefined ? undefined : code.at(abort);
  if (handler !== undefined) {
    label('abort_ip:');
    line(handler);
  }
  for (const at of marks) {
    const instruction = shown.has(at) || image.regionAt(at)?.executable !== true ? undefined : code.at(at);
    if (instruction === undefined) continue;
    label(`elsewhere, in ${nameOf(image.functionAt(at)?.name ?? 'code without a name')}:`);
    line(instruction);
  }
  return lines;
}

/** The few instructions that run directly before start_ip, where the code falls into it. */
function leadIn(found: Findings, section: CriticalSection): Instruction[] {
  const flow = found.flowOf(section);
  const before: Instruction[] = [];
  let at = section.start;
  while (flow !== undefined && at !== undefined && before.length < BEFORE) {
    const previous: Addr | undefined = flow
      .predecessors(at)
      .find((from) => plus(from, flow.code.at(from)?.length ?? 0) === at);
    const instruction = previous === undefined ? undefined : flow.code.at(previous);
    if (instruction === undefined) break;
    before.unshift(instruction);
    at = previous;
  }
  return before;
}

function render(image: ProgramImage, instruction: Instruction, marks: ReadonlySet<Addr>): ListingLine {
  const { target } = instruction;
  const data = dataOperands(instruction).filter(
    (at) => image.regionAt(at) !== undefined || isExtern(image, at),
  );
  return {
    place: image.place(instruction.address),
    text: image.header.type === 'relocatable' ? withPlaces(image, instruction, data) : instruction.text,
    refers:
      target === undefined ? (data.map((at) => describeData(image, at))[0] ?? '') : named(image, target),
    marked: marks.has(instruction.address),
  };
}

/** The made-up address of a symbol that another file defines? */
const isExtern = (image: ProgramImage, at: Addr): boolean =>
  [...(image.externs?.values() ?? [])].includes(at);

const named = (image: ProgramImage, target: Addr): string =>
  image.functionAt(target)?.name === undefined
    ? isExtern(image, target)
      ? describeData(image, target)
      : ''
    : describePlace(image, target).replace(/^\S+ /, '');

/** Addresses that operands name by themselves, without a register. */
function dataOperands({ memory, effects }: Instruction): Addr[] {
  const expressions = [
    ...memory.map(({ address }) => address),
    ...effects.flatMap(({ value }) => (value.op === 'address' ? [value.address] : [])),
  ];
  return expressions
    .filter(({ base, index, threadPointer }) => base === undefined && index === undefined && !threadPointer)
    .map(({ displacement }) => displacement as Addr);
}

/** A relocatable file has no addresses: the made-up ones of its image give way to places. */
function withPlaces(image: ProgramImage, instruction: Instruction, data: readonly Addr[]): string {
  const own = instruction.target === undefined ? data : [...data, instruction.target];
  return own.reduce(
    (text, at) => text.replace(hex(at), describeData(image, at).replace(/ .*/, '')),
    instruction.text,
  );
}
