import type { Rounding } from '../float/round.js';
import type { Exact } from '../float/value.js';

/** How a number becomes an integer; `away`: to nearest, halves away from 0. */
export type IntegerRounding = Rounding | 'away';

/** A number's amount as an integer, and whether something was lost. */
export function toInteger(
  { sign, significand, exponent }: Exact,
  rounding: IntegerRounding,
): { count: bigint; lost: boolean } {
  if (exponent >= 0) {
    // Larger than any integer there is, however much.
    return { count: exponent > 2048 ? 1n << 2048n : significand << BigInt(exponent), lost: false };
  }
  const by = BigInt(-exponent);
  const count = significand >> by;
  const rest = significand - (count << by);
  if (rest === 0n) return { count, lost: false };
  const half = 1n << (by - 1n);
  const isUp = {
    0: rest > half || (rest === half && (count & 1n) === 1n),
    1: sign === 1,
    2: sign === 0,
    3: false,
    away: rest >= half,
  }[rounding];
  return { count: isUp ? count + 1n : count, lost: true };
}
