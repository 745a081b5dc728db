import { Mnemonic } from 'iced-x86';
import { load, register, zext } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { extract, floats, insert, shuffleLanes, vector } from '../../vectors.js';
import { RDI } from '../registers.js';
import type { Draft } from './draft.js';
import type { Row } from './integer.js';
import { SSE_INTEGER } from './sse-integer.js';
import { SSE_MOVES, ZERO } from './sse-moves.js';

/**
 * MMX: the significands of the x87's registers as vectors of 64 bits, which the rows of SSE do in the lower halves of vectors. Every such
 * instruction first waits for exceptions that are pending, and leaves the x87's stack full, with its top at 0 (Intel SDM vol. 1, 9.5.1).
 */
const withMmx =
  (row: Row): Row =>
  (d) => {
    d.statements.push({ do: 'x87', name: 'wait', operands: [] });
    row(d);
    if (!d.isMmx(0)) d.statements.push({ do: 'x87', name: 'enter mmx', operands: [] });
  };

/** movd, movq, movq2dq, movdq2q, movntq: whatever the other side is, what does not fit falls away and what is missing is zeros. */
const move: Row = (d) => {
  const width = d.isMmx(0) ? d.width(1) : d.width(0);
  if (d.isMemory(0)) d.store(d.address(), extract(d.width(0), 0, d.read(1)));
  else if (d.isMemory(1)) d.write(0, zext(128, d.let(load(width, d.address()))));
  else if (d.isGeneral(0)) d.write(0, extract(width, 0, d.read(1)));
  else if (d.isGeneral(1)) d.write(0, zext(128, d.read(1)));
  else d.write(0, zext(128, extract(64, 0, d.read(1))));
};

/** The halves of 64 bits of two operands, one behind the other. */
const joined = (d: Draft): Expression => {
  const b = d.vector(1);
  return insert(1, d.read(0), extract(64, 0, b));
};

const pack =
  (fn: string): Row =>
  (d) => {
    const both = d.let(joined(d));
    d.write(0, vector(fn, both, both));
  };

/** The upper lanes of the two operands in turn. */
const unpackHigh =
  (width: number): Row =>
  (d) => {
    const lanes = 64 / width;
    const both = d.let(joined(d));
    const order = Array.from(
      { length: 2 * lanes },
      (_, n) => ((lanes / 2 + (n >> 1) + (n & 1) * lanes) % (2 * lanes)) | 0,
    );
    d.write(0, shuffleLanes(width, both, both, order));
  };

const shuffleWords: Row = (d) => {
  const control = Number(d.instruction.immediate(2));
  const a = d.vector(1);
  d.write(
    0,
    shuffleLanes(
      16,
      a,
      a,
      [0, 2, 4, 6, 0, 2, 4, 6].map((at) => (control >> at) & 3),
    ),
  );
};

const extractWord: Row = (d) =>
  d.write(0, zext(d.width(0), extract(16, Number(d.instruction.immediate(2)) & 3, d.read(1))));

const insertWord: Row = (d) => {
  const word = d.isMemory(1)
    ? d.let(load(16, d.address()))
    : ({ op: 'truncate', width: 16, a: d.read(1) } as const);
  d.write(0, insert(Number(d.instruction.immediate(2)) & 3, d.read(0), word));
};

/** maskmovq: as maskmovdqu, of 8 bytes. */
const maskedStore: Row = (d) => {
  const address = d.let(d.stringSource(register(64, RDI)));
  const before = zext(128, d.let(load(64, address)));
  const count = d.operands.length;
  const chosen = vector('i8x16.gt_s', ZERO, d.read(count - 1));
  d.store(address, extract(64, 0, vector('v128.bitselect', d.read(count - 2), before, chosen)));
};

const wholeOperand = (d: Draft): Expression => (d.isMemory(1) ? d.let(load(128, d.address())) : d.read(1));

/** Between two integers of 32 bits and two floats or doubles. */
const convert =
  (from: 'i32' | 'f32' | 'f64', to: 'i32' | 'f32' | 'f64', fn: 'convert' | 'truncate' = 'convert'): Row =>
  (d) => {
    // Doubles fill a whole vector, which must be aligned; of the others only two count, and only they may raise exceptions.
    const whole = from === 'f64';
    if (whole && d.isMemory(1)) d.aligned();
    const a = whole ? wholeOperand(d) : zext(128, d.low(1, 64));
    const result = d.let(floats(fn, from, to, a));
    if (to === 'f32') d.write(0, insert(0, d.read(0), extract(64, 0, result)));
    else d.write(0, result);
  };

const CONVERSIONS: readonly (readonly [Mnemonic, Row])[] = [
  [Mnemonic.Cvtpi2ps, convert('i32', 'f32')],
  [Mnemonic.Cvtpi2pd, convert('i32', 'f64')],
  [Mnemonic.Cvtps2pi, convert('f32', 'i32')],
  [Mnemonic.Cvttps2pi, convert('f32', 'i32', 'truncate')],
  [Mnemonic.Cvtpd2pi, convert('f64', 'i32')],
  [Mnemonic.Cvttpd2pi, convert('f64', 'i32', 'truncate')],
];

/** Instructions with a register of MMX among their operands. */
export const MMX: ReadonlyMap<Mnemonic, Row> = new Map(
  [
    ...SSE_MOVES,
    ...SSE_INTEGER,
    ...CONVERSIONS,
    [Mnemonic.Movd, move],
    [Mnemonic.Movq, move],
    [Mnemonic.Movq2dq, move],
    [Mnemonic.Movdq2q, move],
    [Mnemonic.Movntq, move],
    [Mnemonic.Packsswb, pack('i8x16.narrow_i16x8_s')],
    [Mnemonic.Packuswb, pack('i8x16.narrow_i16x8_u')],
    [Mnemonic.Packssdw, pack('i16x8.narrow_i32x4_s')],
    [Mnemonic.Punpckhbw, unpackHigh(8)],
    [Mnemonic.Punpckhwd, unpackHigh(16)],
    [Mnemonic.Punpckhdq, unpackHigh(32)],
    [Mnemonic.Pshufw, shuffleWords],
    [Mnemonic.Pextrw, extractWord],
    [Mnemonic.Pinsrw, insertWord],
    [Mnemonic.Maskmovq, maskedStore],
  ].map(([mnemonic, row]) => [mnemonic as Mnemonic, withMmx(row as Row)]),
);

/** The same conversions with memory in the place of such a register. */
export const MMX_FROM_MEMORY = CONVERSIONS;
