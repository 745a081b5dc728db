import { addExact, multiplyExact } from '../float/arithmetic.js';
import { type Context, exactly, INVALID_OUTCOME, type Outcome, type Signed } from '../float/operations.js';
import type { Exact, Value } from '../float/value.js';

/** FPMulAdd: c + x * y, rounded once. Infinity by zero is invalid though c is a quiet NaN. */
export function multiplyAdd(context: Context, c: Value, x: Value, y: Value): Outcome {
  const nan = context.nan(c, x, y);
  const kinds = [x.kind, y.kind];
  const isNothing = kinds.includes('infinity') && kinds.includes('zero');
  if (isNothing && (nan === undefined || (c.kind === 'nan' && !c.signaling))) return INVALID_OUTCOME;
  if (nan !== undefined) return nan;
  const [addend, p, q] = [c as Signed, x as Signed, y as Signed];
  const sign = p.sign === q.sign ? 0 : 1;
  if (kinds.includes('infinity')) {
    if (addend.kind === 'infinity' && addend.sign !== sign) return INVALID_OUTCOME;
    return exactly({ kind: 'infinity', sign });
  }
  if (addend.kind === 'infinity') return exactly(addend);
  if (p.kind !== 'finite' || q.kind !== 'finite') {
    if (addend.kind === 'finite') return context.finish(addend, 0);
    return exactly({ kind: 'zero', sign: addend.sign === sign ? sign : context.zeroSign });
  }
  const product = multiplyExact(p, q);
  const total = addend.kind === 'finite' ? addExact(product, addend) : product;
  return total === undefined ? exactly({ kind: 'zero', sign: context.zeroSign }) : context.finish(total, 0);
}

/** FPRecipStepFused, FPRSqrtStepFused: (from + x * y) / 2^halvings, rounded once; infinity by zero counts as zero. */
export function multiplyStep(context: Context, from: Exact, x: Value, y: Value, halvings: number): Outcome {
  const nan = context.nan(x, y);
  if (nan !== undefined) return nan;
  const [p, q] = [x as Signed, y as Signed];
  const kinds = [p.kind, q.kind];
  if (kinds.includes('infinity') && !kinds.includes('zero'))
    return exactly({ kind: 'infinity', sign: p.sign === q.sign ? 0 : 1 });
  const total = p.kind === 'finite' && q.kind === 'finite' ? addExact(from, multiplyExact(p, q)) : from;
  if (total === undefined) return exactly({ kind: 'zero', sign: context.zeroSign });
  return context.finish({ ...total, exponent: total.exponent - halvings }, 0);
}
