import { type Addr, plus } from '../abi/address.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramImage } from '../binary/image.js';
import { describePlace } from '../check/check.js';
import type { Instruction } from '../isa/instruction.js';
import type { Findings } from '../sections/find.js';
import type { CriticalSection } from '../sections/section.js';
import type { Style } from './style.js';

/** Instructions shown in front of start_ip (the arming store is there) and behind the end. */
const BEFORE = 3;
const AFTER = 1;
/** Longest listing, in instructions; the middle of a longer section is left out, but never a marked line. */
const LONGEST = 40;

/** The section disassembled, with labels at its borders and `-->` at the marked instructions. */
export function sectionListing(
  found: Findings,
  section: CriticalSection,
  marks: ReadonlySet<Addr>,
  style: Style,
): string[] {
  const { image, code } = found;
  const { start, end, abort } = section;
  if (code === undefined || start === undefined || end === undefined || end <= start || end - start > 65536)
    return [];
  const inside: Instruction[] = [];
  for (let at = start; at < end; ) {
    const instruction = code.at(at);
    if (instruction === undefined) break;
    inside.push(instruction);
    at = plus(at, instruction.length);
  }
  if (inside.length === 0) return [];
  const lines: string[] = [];
  const line = (instruction: Instruction) => lines.push(render(image, instruction, marks, style));
  const label = (text: string) => lines.push(style.dim(`      ${text}`));
  for (const instruction of leadIn(found, section)) line(instruction);
  label('start_ip:');
  const hidden =
    inside.length > LONGEST ? new Set(inside.slice(LONGEST / 2, -LONGEST / 2)) : new Set<Instruction>();
  let skipped = 0;
  for (const instruction of inside) {
    if (hidden.has(instruction) && !marks.has(instruction.address)) {
      skipped++;
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
  const last = plus(inside.at(-1)!.address, inside.at(-1)!.length);
  const elsewhere = [...marks].filter(
    (at) => !shown(lines, image, at) && (at < start || at >= last) && image.regionAt(at)?.executable,
  );
  for (const at of elsewhere) {
    const instruction = code.at(at);
    if (instruction === undefined) continue;
    label(`elsewhere, in ${demangle(image.functionAt(at)?.name ?? 'code without a name')}:`);
    line(instruction);
  }
  return lines;
}

const shown = (lines: readonly string[], image: ProgramImage, at: Addr): boolean =>
  lines.some((text) => text.includes(` ${image.place(at)}: `));

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

function render(
  image: ProgramImage,
  instruction: Instruction,
  marks: ReadonlySet<Addr>,
  style: Style,
): string {
  const marked = marks.has(instruction.address);
  const text = `${image.place(instruction.address)}:  ${instruction.text}${annotation(image, instruction)}`;
  return marked ? style.mark(`  --> ${text}`) : `      ${text}`;
}

/** What a PC-relative operand or branch refers to, as objdump appends it. */
function annotation(image: ProgramImage, instruction: Instruction): string {
  if (instruction.target !== undefined) {
    const range = image.functionAt(instruction.target);
    return range?.name === undefined ? '' : `  # ${describePlace(image, instruction.target)}`;
  }
  for (const effect of instruction.effects) {
    const value = effect.value;
    const place =
      value.op === 'address' &&
      value.address.base === undefined &&
      value.address.index === undefined &&
      !value.address.threadPointer
        ? value.address.displacement
        : undefined;
    if (place !== undefined && image.regionAt(place as Addr) !== undefined)
      return `  # ${nameOf(image, place as Addr)}`;
  }
  return '';
}

function nameOf(image: ProgramImage, at: Addr): string {
  const symbol = image.symbols.find((each) => each.address === at && each.kind !== 'tls');
  return symbol === undefined ? image.place(at) : `${demangle(symbol.name)} (${image.place(at)})`;
}
