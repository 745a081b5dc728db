import type { Value } from '../instruction.js';
import type { Draft } from './draft.js';
import { general, vector } from './registers.js';
import type { Form } from './table.js';
import { bit, register, unknown } from './values.js';

/**
 * A small language for the operands of FP and Advanced SIMD rows, so that one form serves hundreds of them.
 *
 * An operand is `[+]<class><field>[.<arrangement>]`, a literal that starts with `#`, or a `:name` below.
 *   +             the destination is read too (an accumulator, or a part of it is kept)
 *   field         d n m a: bits 4..0, 9..5, 20..16, 14..10; d is what the instruction writes
 *   class         V      a vector with an arrangement
 *                 B H S D Q  a scalar of that size
 *                 F      a scalar by ftype, bits 23..22 (s d - h)
 *                 Z Y    a scalar by size, bits 23..22 (b h s d); one size up (h s d -)
 *                 E      a scalar by sz, bit 22 (s d)
 *                 I J    a scalar by the highest bit of immh, bits 22..19; one size up
 *                 W X R  a general register of 32 bits, of 64 bits, by sf
 *   arrangement   a literal such as 16b, or
 *                 T      size and Q; 1d is reserved
 *                 U      size and Q; 1d is allowed
 *                 W      one size up from size, the whole register (8h 4s 2d)
 *                 P      one size up from size, and Q (4h 8h 2s 4s 1d 2d): the pairwise long adds
 *                 F      sz and Q (2s 4s - 2d); G the same down one size, and Q (4h 8h 2s 4s); L up (4s 2d)
 *                 H B    half words, bytes, by Q; C four of them to a result word (2s 4s)
 *                 I K    immh and Q; one size up from immh, the whole register
 */
type Part = (d: Draft, outcome: Outcome) => string | undefined;

interface Outcome {
  readonly sources: Value[];
  /** What is written once all sources are known: general registers. */
  readonly general: number[];
}

const BY_SIZE = ['8b', '16b', '4h', '8h', '2s', '4s', '1d', '2d'];
const WIDER = ['8h', '4s', '2d'];
const q = (d: Draft): number => d.bits(30, 30);
const size = (d: Draft): number => d.bits(23, 22);
/** 0..3 for a highest bit of immh at 0..3; -1 for none. */
export const immhSize = (d: Draft): number => 31 - Math.clz32(d.bits(22, 19));

const ARRANGEMENTS: Readonly<Record<string, (d: Draft) => string | undefined>> = {
  T: (d) => (size(d) === 3 && q(d) === 0 ? undefined : BY_SIZE[size(d) * 2 + q(d)]),
  U: (d) => BY_SIZE[size(d) * 2 + q(d)],
  W: (d) => WIDER[size(d)],
  P: (d) => BY_SIZE[size(d) * 2 + 2 + q(d)],
  F: (d) => ['2s', '4s', undefined, '2d'][d.bits(22, 22) * 2 + q(d)],
  G: (d) => ['4h', '8h', '2s', '4s'][d.bits(22, 22) * 2 + q(d)],
  L: (d) => (d.bits(22, 22) ? '2d' : '4s'),
  H: (d) => (q(d) ? '8h' : '4h'),
  B: (d) => (q(d) ? '16b' : '8b'),
  C: (d) => (q(d) ? '4s' : '2s'),
  I: (d) => (immhSize(d) === 3 && q(d) === 0 ? undefined : BY_SIZE[immhSize(d) * 2 + q(d)]),
  K: (d) => WIDER[immhSize(d)],
};

const SCALARS: Readonly<Record<string, (d: Draft) => string | undefined>> = {
  B: () => 'b',
  H: () => 'h',
  S: () => 's',
  D: () => 'd',
  Q: () => 'q',
  F: (d) => ['s', 'd', undefined, 'h'][size(d)],
  Z: (d) => 'bhsd'[size(d)],
  Y: (d) => 'hsd'[size(d)],
  E: (d) => 'sd'[d.bits(22, 22)],
  I: (d) => 'bhsd'[immhSize(d)],
  J: (d) => 'hsd'[immhSize(d)],
};

const FIELDS: Readonly<Record<string, (d: Draft) => number>> = {
  d: (d) => d.rd,
  n: (d) => d.rn,
  m: (d) => d.rm,
  a: (d) => d.ra,
};

/** Notes that vector register `n` is read, or written as field d. */
export const touchVector = (d: Draft, outcome: Outcome, n: number, field: string, kept: boolean): void => {
  if (field === 'd') d.writes |= bit(vector(n));
  if (field !== 'd' || kept) {
    d.reads |= bit(vector(n));
    outcome.sources.push(register(vector(n), 64));
  }
};

const generalPart =
  (kind: string, field: string): Part =>
  (d, outcome) => {
    const n = FIELDS[field]!(d);
    const wide = kind === 'X' || (kind === 'R' && d.wide);
    if (field === 'd') outcome.general.push(n);
    else outcome.sources.push(d.get(n, wide ? 64 : 32));
    return general(n, wide);
  };

const operand = (code: string): Part => {
  if (code.startsWith('#')) return () => code;
  const match = /^(\+?)([A-Z])([dnma])(?:\.(\w+))?$/.exec(code);
  if (!match) throw new Error(`operand ${code}`);
  const [, plus, kind, field, arrangement] = match as unknown as [string, string, string, string, string?];
  if ('WXR'.includes(kind)) return generalPart(kind, field);
  const number = FIELDS[field]!;
  if (arrangement !== undefined) {
    const shape = ARRANGEMENTS[arrangement] ?? (() => arrangement);
    return (d, outcome) => {
      const n = number(d);
      const text = shape(d);
      touchVector(d, outcome, n, field, plus !== '');
      return text && `v${n}.${text}`;
    };
  }
  const letter = SCALARS[kind]!;
  return (d, outcome) => {
    const n = number(d);
    const text = letter(d);
    touchVector(d, outcome, n, field, plus !== '');
    return text && text + n;
  };
};

export type Special = Part;

/**
 * A form for the operands, apart by blanks. `sizes` are the letters of the element sizes that exist, by bits
 * 23..22. A name that ends in {2} gets a 2 where Q is set; one that narrows (n{2}) keeps the low half of its
 * destination then.
 */
export const operands = (
  codes: string,
  sizes = 'bhsd',
  specials: Readonly<Record<string, Special>> = {},
): Form => {
  const parts = codes.split(' ').map((code) => specials[code] ?? operand(code));
  const anySize = sizes === 'bhsd';
  return (d, name) => {
    if (!anySize && !sizes.includes('bhsd'[size(d)]!)) return false;
    const outcome: Outcome = { sources: [], general: [] };
    d.mark('simd');
    const texts: string[] = [];
    for (const part of parts) {
      const text = part(d, outcome);
      if (text === undefined) return false;
      texts.push(text);
    }
    d.use(...outcome.sources);
    for (const n of outcome.general) d.set(n, unknown(...outcome.sources));
    const halves = name.endsWith('{2}');
    if (name.endsWith('n{2}') && q(d) && codes.startsWith('V')) d.reads |= bit(vector(d.rd));
    d.text = `${halves ? name.slice(0, -3) + (q(d) ? '2' : '') : name} ${texts.join(', ')}`;
    return true;
  };
};
