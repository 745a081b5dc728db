import { add, binary, constant, load, zext } from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { extract, insert } from '../../vectors.js';
import { STRUCTURES } from '../fields.js';
import type { Draft } from './draft.js';
import type { Form, Row } from './row.js';
import { bytesOf, isWhole, splat, widthOf, ZEROS } from './simd.js';

/** ld1..ld4, st1..st4: structures of up to four elements, of whole registers or one lane (Arm ARM C4.1.94). */

const isLoad = (d: Draft): boolean => d.isSet(22);
const registerOf = (d: Draft, n: number): number => (d.rd + n) % 32;

/** With bit 23 the base moves behind what was accessed, or by Rm. */
function writeBack(d: Draft, bytes: number): void {
  if (!d.isSet(23)) return;
  const by = d.rm === 31 ? constant(64, bytes) : d.get(d.rm, 64);
  d.setOrSp(d.rn, binary('add', d.getOrSp(d.rn, 64), by));
}

/** Without bit 23 the field of Rm must be zeros. */
const isWrong = (d: Draft): boolean => !d.isSet(23) && d.rm !== 0;

const multiple: Form = (d) => {
  const kind = STRUCTURES[d.bits(15, 12)];
  const size = d.bits(11, 10);
  if (kind === undefined || isWrong(d)) return d.reserve();
  const [registers, interleaved] = kind;
  const length = bytesOf(d);
  if (interleaved > 1 && size === 3 && length === 8) return d.reserve();
  const base = d.let(d.base(d.rn));
  const at = (offset: number): Expression => add(base, constant(64, offset));
  const bits = (8 * length) as Width;
  const numbers = Array.from({ length: registers }, (_, n) => registerOf(d, n));
  if (interleaved === 1) {
    if (isLoad(d)) {
      const values = numbers.map((_, n) => d.let(load(bits, at(n * length))));
      writeBack(d, registers * length);
      for (const [n, number] of numbers.entries()) d.setVector(number, values[n]!);
    } else {
      for (const [n, number] of numbers.entries())
        d.store(at(n * length), bits === 128 ? d.vector(number) : extract(64, 0, d.vector(number)));
      writeBack(d, registers * length);
    }
    return;
  }
  const bytes = 1 << size;
  const count = length / bytes;
  const place = (element: number, n: number): Expression => at((element * interleaved + n) * bytes);
  if (isLoad(d)) {
    const made = numbers.map(() => ZEROS as Expression);
    for (let element = 0; element < count; element++)
      for (const n of numbers.keys())
        made[n] = d.let(insert(element, made[n]!, d.let(load(widthOf(size), place(element, n)))));
    writeBack(d, registers * length);
    for (const [n, number] of numbers.entries()) d.setVector(number, made[n]!);
  } else {
    for (let element = 0; element < count; element++)
      for (const [n, number] of numbers.entries())
        d.store(place(element, n), extract(widthOf(size), element, d.vector(number)));
    writeBack(d, registers * length);
  }
};

/** One lane, or with opcodes 6 and 7 all lanes alike: size and number of the lane by opcode, S, size and Q. */
const single: Form = (d) => {
  const opcode = d.bits(15, 13);
  const [s, size, q] = [d.bits(12, 12), d.bits(11, 10), isWhole(d) ? 1 : 0];
  if (isWrong(d)) return d.reserve();
  const registers = ((opcode & 1) << 1) + d.bits(21, 21) + 1;
  const scale = opcode >> 1;
  if (scale === 3) {
    if (!isLoad(d) || s === 1) return d.reserve();
    return replicate(d, registers, size);
  }
  const wrong =
    (scale === 1 && (size & 1) === 1) ||
    (scale === 2 && (size & 2) === 2) ||
    (scale === 2 && size === 1 && s === 1);
  if (wrong) return d.reserve();
  const element = scale === 2 && size === 1 ? 3 : scale;
  const lane = (q * 8 + s * 4 + size) >> element;
  const bytes = 1 << element;
  const base = d.let(d.base(d.rn));
  const at = (n: number): Expression => add(base, constant(64, n * bytes));
  const numbers = Array.from({ length: registers }, (_, n) => registerOf(d, n));
  if (isLoad(d)) {
    const values = numbers.map((_, n) => d.let(load(widthOf(element), at(n))));
    writeBack(d, registers * bytes);
    for (const [n, number] of numbers.entries())
      d.setVector(number, insert(lane, d.vector(number), values[n]!));
  } else {
    for (const [n, number] of numbers.entries())
      d.store(at(n), extract(widthOf(element), lane, d.vector(number)));
    writeBack(d, registers * bytes);
  }
};

function replicate(d: Draft, registers: number, size: number): void {
  const base = d.let(d.base(d.rn));
  const numbers = Array.from({ length: registers }, (_, n) => registerOf(d, n));
  const values = numbers.map((_, n) => d.let(load(widthOf(size), add(base, constant(64, n << size)))));
  writeBack(d, registers << size);
  for (const [n, number] of numbers.entries()) {
    const all = splat(values[n]!, size);
    d.setVector(number, isWhole(d) ? all : zext(128, extract(64, 0, all)));
  }
}

// biome-ignore format: a table
export const SIMD_STRUCTURES: readonly Row[] = [
  ['0Q 0011000 L 0 00000 cccc zz nnnnn ddddd',   'ld1', multiple],
  ['0Q 0011001 L 0 mmmmm cccc zz nnnnn ddddd',   'ld1', multiple],
  ['0Q 0011010 L R 00000 ccc s zz nnnnn ddddd',  'ld1', single],
  ['0Q 0011011 L R mmmmm ccc s zz nnnnn ddddd',  'ld1', single],
];
