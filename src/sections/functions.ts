import { type Addr, plus } from '../abi/address.js';
import { SHF } from '../binary/headers.js';
import type { FunctionRange, ProgramImage } from '../binary/image.js';
import type { Flow, Instruction } from '../isa/instruction.js';
import type { Code } from './code.js';

/** How far to look back for the beginning of a function that neither a symbol nor unwind information names, in bytes. */
const LOOK_BACK = 4096;
const LOOK_AHEAD = 4096;

/** The function that holds an address: by symbol or unwind information, else guessed from the code around it. */
export function functionFor(code: Code, at: Addr): FunctionRange | undefined {
  const known = code.image.functionAt(at);
  if (known !== undefined) return known;
  const region = code.image.regionAt(at);
  if (region === undefined || !region.executable) return undefined;
  const section = code.image.sectionAt(at);
  // Old layouts map headers and constants together with the code: only a section says that these are none.
  if (section === undefined ? code.image.sections.length > 0 : (section.flags & SHF.EXECINSTR) === 0)
    return undefined;
  const lowest = Math.max(region.start, section?.address ?? 0, at - LOOK_BACK) as Addr;
  const start = code.decoder.minLength === 4 ? lastEnding(code, lowest, at) : lastPadding(code, lowest, at);
  const highest = Math.min(region.start + region.bytes.length, at + LOOK_AHEAD);
  const limit = nextKnown(code.image, at, highest);
  return { name: undefined, start, end: firstEnding(code, at, limit), from: 'guess' };
}

function nextKnown(image: ProgramImage, at: Addr, highest: number): Addr {
  for (let next = at + 16; next < highest; next += 16) {
    if (image.functionAt(next as Addr) !== undefined) return next as Addr;
  }
  return highest as Addr;
}

/** Behind the first return or jump from which on nothing but padding stands up to a 16-byte line: there a function may begin. */
function firstEnding(code: Code, at: Addr, limit: Addr): Addr {
  for (let here = at; here < limit; ) {
    const instruction = code.at(here);
    if (instruction === undefined) return limit;
    here = plus(here, instruction.length);
    if (!ENDINGS.has(instruction.flow)) continue;
    const line = (Math.ceil(here / 16) * 16) as Addr;
    if (isFilling(code, here, line)) return here;
  }
  return limit;
}

const ENDINGS: ReadonlySet<Flow> = new Set(['return', 'jump', 'indirect-jump', 'trap']);

function isFilling(code: Code, from: Addr, to: Addr): boolean {
  for (let at = from; at < to; ) {
    const instruction = code.at(at);
    if (instruction === undefined || !isPadding(instruction)) return false;
    at = plus(at, instruction.length);
  }
  return true;
}

/** What assemblers and linkers fill gaps with. */
const PADDING = /^(nop|int3|hint|udf|\.inst 0x00000000|xchg %ax,%ax|data16|cs nopw|hlt|ud2)/;
export const isPadding = (instruction: Instruction): boolean =>
  PADDING.test(instruction.text) || instruction.flow === 'unknown' || instruction.flow === 'trap';

/** Fixed-length code: behind the last return, jump or padding before `at`. */
function lastEnding(code: Code, lowest: Addr, at: Addr): Addr {
  for (let back = at - code.decoder.minLength; back >= lowest; back -= code.decoder.minLength) {
    const instruction = code.at(back as Addr);
    if (instruction?.flow === 'return' || instruction?.flow === 'unknown')
      return (back + code.decoder.minLength) as Addr;
  }
  return lowest;
}

/**
 * Variable-length code: compilers align functions to 16 bytes and fill the gap with int3 or long nops, or come straight from a ret.
 * The nearest such place from which decoding arrives exactly at `at` is taken; else the lowest place that does.
 */
function lastPadding(code: Code, lowest: Addr, at: Addr): Addr {
  for (let start = (at - (at % 16)) as Addr; start >= lowest; start = plus(start, -16)) {
    const before = code.image.read(plus(start, -1), 1)?.[0];
    if (before !== undefined && !ENDS.has(before) && start !== lowest) continue;
    if (arrives(code, start, at)) return start;
  }
  for (let start = Math.max(lowest, at - 64) as Addr; start < at; start = plus(start, 1)) {
    if (arrives(code, start, at)) return start;
  }
  return at;
}

/** Last bytes of ret, int3, nop (0x90 and the zero tail of long nops). */
const ENDS = new Set([0xc3, 0xcc, 0x90, 0x00]);

/** Does decoding from `start` on come to the instruction at `at`, or to one that has `at` among its bytes (an operand found by its value)? */
export function arrives(code: Code, start: Addr, at: Addr): boolean {
  for (let here = start; here <= at; ) {
    const instruction = code.at(here);
    if (instruction === undefined || instruction.flow === 'unknown') return false;
    here = plus(here, instruction.length);
    if (here > at) return true;
  }
  return false;
}
