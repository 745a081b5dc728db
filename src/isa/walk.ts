import type { Expression, Statement } from './meaning.js';

type Holds = (e: Expression) => boolean;

/** Is there an expression in `e`, itself included, of which `holds` is true? Looks at them from the outside in, and at all until then. */
export function someWithin(e: Expression, holds: Holds): boolean {
  if (holds(e)) return true;
  switch (e.op) {
    case 'constant':
    case 'register':
    case 'temporary':
    case 'flag':
    case 'segment':
    case 'state':
    case 'xmm':
      return false;
    case 'load':
      return someWithin(e.address, holds);
    case 'unary':
    case 'extend':
    case 'truncate':
    case 'extract':
    case 'lane-mask':
      return someWithin(e.a, holds);
    case 'binary':
    case 'compare':
    case 'shuffle':
      return someWithin(e.a, holds) || someWithin(e.b, holds);
    case 'select':
      return someWithin(e.condition, holds) || someWithin(e.a, holds) || someWithin(e.b, holds);
    case 'insert':
      return someWithin(e.a, holds) || someWithin(e.value, holds);
    case 'vector':
    case 'float':
    case 'floats':
      return e.operands.some((each) => someWithin(each, holds));
  }
}

/** The same for all expressions of a statement. */
export function someIn(statement: Statement, holds: Holds): boolean {
  switch (statement.do) {
    case 'let':
    case 'set':
    case 'set-xmm':
    case 'state':
      return someWithin(statement.value, holds);
    case 'store':
      return someWithin(statement.address, holds) || someWithin(statement.value, holds);
    case 'flags':
      return Object.values(statement.flags).some((each) => each !== undefined && someWithin(each, holds));
    case 'jump':
      return someWithin(statement.target, holds);
    case 'branch':
    case 'repeat':
      return someWithin(statement.condition, holds);
    case 'trap':
      return statement.when !== undefined && someWithin(statement.when, holds);
    case 'helper':
      return (
        statement.operands.some((each) => someWithin(each, holds)) ||
        (statement.when !== undefined && someWithin(statement.when, holds))
      );
    case 'x87':
      return statement.operands.some((each) => someWithin(each, holds));
  }
}

/** Every expression of a statement, or of an expression. */
export function eachIn(statement: Statement, found: (e: Expression) => void): void {
  someIn(statement, (e) => {
    found(e);
    return false;
  });
}

export function eachWithin(e: Expression, found: (e: Expression) => void): void {
  someWithin(e, (each) => {
    found(each);
    return false;
  });
}
