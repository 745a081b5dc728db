import type { MemoryAccess } from '../instruction.js';
import { at, type Draft } from './draft.js';
import { STRUCTURES } from './fields.js';
import { general, generalOrSp, SP, vector } from './registers.js';
import { listText } from './simd-moves.js';
import type { Form, Row } from './table.js';
import { bit, operation, register, unknown } from './values.js';

/** ld1..ld4, st1..st4: structures of up to four elements, whole registers or one lane (Arm ARM C4.1.94). */

interface Structure {
  readonly count: number;
  /** `16b` for whole registers, `b` for a lane. */
  readonly shape: string;
  /** `[3]`, or nothing. */
  readonly lane: string;
  readonly bytes: number;
  /** Elements that are moved one by one: each alone is single-copy atomic, no more. */
  readonly elements: number;
}

const SHAPES = ['8b', '16b', '4h', '8h', '2s', '4s', '1d', '2d'];

const write = (d: Draft, stem: string, structure: Structure): void => {
  const { count, shape, lane, bytes, elements } = structure;
  const { rd, rn, rm } = d;
  const isLoad = d.bits(22, 22) === 1;
  const registers = Array.from({ length: count }, (_, n) => vector(rd + n));
  const set = registers.reduce((bits, n) => bits | bit(n), 0n);
  d.mark('simd');
  const memory: MemoryAccess = d.access(at(rn), bytes, isLoad ? 'read' : 'write');
  // A lane is put into a register that keeps the others.
  if (!isLoad || lane !== '') d.reads |= set;
  if (isLoad) d.writes |= set;
  else {
    d.effects.push({ kind: 'store', memory, value: unknown(...registers.map((n) => register(n, 64))) });
    if (elements > 1) d.mark('split');
  }
  let after = '';
  if (d.bits(23, 23) === 1) {
    after = rm === 31 ? `, #${bytes}` : `, ${general(rm, 1)}`;
    if (rm === 31) d.writeback(rn, bytes);
    else {
      d.setOrSp(rn, operation('add', register(rn, 64), register(rm, 64), 64));
      if (rn === SP) d.mark('pop');
    }
  }
  d.text = `${isLoad ? 'ld' : 'st'}${stem} ${listText(rd, count, shape)}${lane}, [${generalOrSp(rn, 1)}]${after}`;
};

const multiple: Form = (d) => {
  const [registers, interleaved] = STRUCTURES[d.bits(15, 12)] ?? [0, 0];
  const [size, q] = [d.bits(11, 10), d.bits(30, 30)];
  if (registers === 0 || (interleaved > 1 && size === 3 && q === 0)) return false;
  const bytes = registers * (q ? 16 : 8);
  const shape = SHAPES[size * 2 + q]!;
  write(d, String(interleaved), { count: registers, shape, lane: '', bytes, elements: bytes >> size });
  return true;
};

const single: Form = (d) => {
  const opcode = d.bits(15, 13);
  const [s, size, q] = [d.bits(12, 12), d.bits(11, 10), d.bits(30, 30)];
  const count = (opcode & 1) * 2 + d.bits(21, 21) + 1;
  const scale = opcode >> 1;
  if (scale === 3) {
    // Replicated to every lane; there is no such store.
    if (d.bits(22, 22) === 0 || s === 1) return false;
    const shape = SHAPES[size * 2 + q]!;
    write(d, `${count}r`, { count, shape, lane: '', bytes: count << size, elements: count });
    return true;
  }
  const double = scale === 2 && size === 1;
  if (scale === 1 && (size & 1) === 1) return false;
  if (scale === 2 && (size > 1 || (double && s === 1))) return false;
  const width = double ? 3 : scale;
  const index = (q * 8 + s * 4 + size) >> width;
  write(d, String(count), {
    count,
    shape: 'bhsd'[width]!,
    lane: `[${index}]`,
    bytes: count << width,
    elements: count,
  });
  return true;
};

// biome-ignore format: a table
export const SIMD_STRUCTURES: readonly Row[] = [
  ['0Q 0011000 L 000000 cccc zz nnnnn ddddd',      'ld', multiple],
  ['0Q 0011001 L 0 mmmmm cccc zz nnnnn ddddd',     'ld', multiple],
  ['0Q 0011010 L R 00000 ccc S zz nnnnn ddddd',    'ld', single],
  ['0Q 0011011 L R mmmmm ccc S zz nnnnn ddddd',    'ld', single],
];
