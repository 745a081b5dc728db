import { and, binary, constant, select, truncate } from '../../expressions.js';
import type { Expression } from '../../meaning.js';
import { extract } from '../../vectors.js';
import type { Draft } from './draft.js';
import { condition, nzcv } from './flags.js';
import type { Form, Row } from './row.js';

/** Floating-point conditional comparisons and selections. The comparing is the machine's (machine/aarch64). */

export const widthOf = (d: Draft): 32 | 64 | undefined => ([32, 64] as const)[d.bits(23, 22)];

/** N, Z, C and V as the helper has left them, in bits 3..0; with bit 32 it does nothing, and raises no exception. */
export function compared(
  d: Draft,
  holds?: Expression,
  when?: Expression,
): [Expression, Expression, Expression, Expression] {
  const word = constant(64, d.word);
  d.helper('vector', holds === undefined ? word : select(holds, word, constant(64, 1n << 32n)), when);
  const made = d.let({ op: 'state', width: 64, field: 'x87Result' });
  const bit = (n: number): Expression =>
    d.let(truncate(8, and(binary('shr', made, constant(64, n)), constant(64, 1))));
  return [bit(3), bit(2), bit(1), bit(0)];
}

const compareConditional: Form = (d) => {
  if (widthOf(d) === undefined) return d.reserve();
  const holds = d.let(condition(d.bits(15, 12)));
  const found = compared(d, holds);
  const made = found.map((flag, n) => select(holds, flag, constant(8, d.isSet(3 - n) ? 1 : 0)));
  d.flags(nzcv(made[0]!, made[1]!, made[2]!, made[3]!));
};

const conditionalSelect: Form = (d) => {
  const width = widthOf(d);
  if (width === undefined) return d.reserve();
  const low = (number: number): Expression => d.let(extract(width, 0, d.vector(number)));
  d.setVector(d.rd, select(condition(d.bits(15, 12)), low(d.rn), low(d.rm)));
};

// biome-ignore format: a table
export const FLOAT_FLAGS: readonly Row[] = [
  ['00011110 ff1 mmmmm cccc 01 nnnnn c iiii', 'fccmp', compareConditional],
  ['00011110 ff1 mmmmm cccc 11 nnnnn ddddd',  'fcsel', conditionalSelect],
];
