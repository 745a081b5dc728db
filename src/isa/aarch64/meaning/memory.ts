import { add, binary, constant, load, sext, shl } from '../../expressions.js';
import type { Expression, Width } from '../../meaning.js';
import { extract } from '../../vectors.js';
import { PAIRS } from '../loads-pair.js';
import { LITERALS } from '../loads-single.js';
import { type Transfer, transferOf } from '../transfers.js';
import type { Draft } from './draft.js';
import { extended } from './integer-register.js';
import type { Form, Row } from './row.js';

/** Loads and stores of one register and of two: Arm ARM C4.1.94. Memory first, then the base, then what was loaded. */

/** A base register at a distance. */
export const at = (d: Draft, n: number, offset: number): Expression => add(d.base(n), constant(64, offset));

const isGeneral = ({ file }: Pick<Transfer, 'file'>): boolean => file === 'x' || file === 'w';
type What = Pick<Transfer, 'file' | 'bytes' | 'signed'>;

/** What a store writes: the low bits of a register. */
function stored(d: Draft, what: What, n: number): Expression {
  const width = (what.bytes * 8) as Width;
  if (isGeneral(what)) return d.get(n, width);
  return width === 128 ? d.vector(n) : extract(width, 0, d.vector(n));
}

/** Writes a register with what was loaded. */
function setLoaded(
  d: Draft,
  { file, signed }: Pick<What, 'file' | 'signed'>,
  n: number,
  value: Expression,
): void {
  if (file !== 'x' && file !== 'w') d.setVector(n, value);
  else d.set(n, signed ? sext(file === 'x' ? 64 : 32, value) : value);
}

/** Moves between memory and registers, the first one at the lowest address; then `writeback`. */
function move(
  d: Draft,
  what: What & { readonly load: boolean },
  registers: readonly number[],
  address: (n: number) => Expression,
  writeback?: () => void,
): void {
  const width = (what.bytes * 8) as Width;
  if (!what.load) {
    for (const [n, register] of registers.entries()) d.store(address(n), stored(d, what, register));
    writeback?.();
    return;
  }
  const values = registers.map((_, n) => d.let(load(width, address(n))));
  writeback?.();
  for (const [n, register] of registers.entries()) setLoaded(d, what, register, values[n]!);
}

/** A transfer by its fields; prefetches do nothing. */
const single =
  (how: (d: Draft, transfer: Transfer) => void, prefetches = true): Form =>
  (d) => {
    const transfer = transferOf(d);
    if (transfer === undefined) return d.reserve();
    if (transfer.file !== 'p') how(d, transfer);
    else if (!prefetches) d.reserve();
  };

const unsignedOffset = single((d, transfer) =>
  move(d, transfer, [d.rd], () => at(d, d.rn, d.bits(21, 10) * transfer.bytes)),
);

const unscaled = single((d, transfer) => move(d, transfer, [d.rd], () => at(d, d.rn, d.signed(20, 12))));
/** ldtr, sttr: as the program itself does, which is never more than a user. */
const unprivileged = single(
  (d, transfer) => move(d, transfer, [d.rd], () => at(d, d.rn, d.signed(20, 12))),
  false,
);

const writeback = (first: boolean): Form =>
  single((d, transfer) => {
    const offset = d.signed(20, 12);
    move(
      d,
      transfer,
      [d.rd],
      () => at(d, d.rn, first ? offset : 0),
      () => d.setOrSp(d.rn, at(d, d.rn, offset)),
    );
  }, false);

/** Rn + Rm, Rm extended and scaled by the access. */
const registerOffset = single((d, transfer) => {
  const option = d.bits(15, 13);
  const by = constant(64, d.isSet(12) ? Math.log2(transfer.bytes) : 0);
  const address = d.let(binary('add', d.base(d.rn), shl(extended(d, 64, option), by)));
  move(d, transfer, [d.rd], () => address);
});

const PREFETCH = 6;

const literal: Form = (d) => {
  const code = d.bits(31, 30) * 2 + d.bits(26, 26);
  if (code === PREFETCH) return;
  const transfer = LITERALS[code];
  if (transfer === undefined) return d.reserve();
  move(d, transfer, [d.rd], () => constant(64, d.target(d.signed(23, 5))));
};

const pair =
  (mode: 'no' | 'post' | 'offset' | 'pre'): Form =>
  (d) => {
    const kind = PAIRS[d.bits(31, 30) * 2 + d.bits(26, 26)];
    const isLoad = d.isSet(22);
    // stp of signed words is stgp, of memory tagging; ldnp has no signed form.
    if (kind === undefined || (kind.signed && (!isLoad || mode === 'no'))) return d.reserve();
    const offset = d.signed(21, 15) * kind.bytes;
    const start = mode === 'post' ? 0 : offset;
    const moves = mode === 'pre' || mode === 'post';
    move(
      d,
      { ...kind, load: isLoad },
      [d.rd, d.ra],
      (n) => at(d, d.rn, start + n * kind.bytes),
      moves ? () => d.setOrSp(d.rn, at(d, d.rn, offset)) : undefined,
    );
  };

// biome-ignore format: a table
export const MEMORY: readonly Row[] = [
  ['zz 111 V 01 cc iiiiiiiiiiii nnnnn ddddd',     'ldr',  unsignedOffset],
  ['zz 111 V 00 cc 0 iiiiiiiii 00 nnnnn ddddd',   'ldur', unscaled],
  ['zz 111 V 00 cc 0 iiiiiiiii 01 nnnnn ddddd',   'ldr',  writeback(false)],
  ['zz 111 0 00 cc 0 iiiiiiiii 10 nnnnn ddddd',   'ldtr', unprivileged],
  ['zz 111 V 00 cc 0 iiiiiiiii 11 nnnnn ddddd',   'ldr',  writeback(true)],
  ['zz 111 V 00 cc 1 mmmmm o1o s 10 nnnnn ddddd', 'ldr',  registerOffset],
  ['cc 011 V 00 iiiiiiiiiiiiiiiiiii ddddd',       'ldr',  literal],
  ['cc 101 V 000 L iiiiiii aaaaa nnnnn ddddd',    'ldnp', pair('no')],
  ['cc 101 V 001 L iiiiiii aaaaa nnnnn ddddd',    'ldp',  pair('post')],
  ['cc 101 V 010 L iiiiiii aaaaa nnnnn ddddd',    'ldp',  pair('offset')],
  ['cc 101 V 011 L iiiiiii aaaaa nnnnn ddddd',    'ldp',  pair('pre')],
];
