import type { Expression, Statement } from '../../isa/meaning.js';

/** The expressions that stand in a statement. */
export function expressionsOf(statement: Statement): readonly Expression[] {
  switch (statement.do) {
    case 'let':
    case 'set':
    case 'set-xmm':
    case 'state':
      return [statement.value];
    case 'store':
      return [statement.address, statement.value];
    case 'flags':
      return Object.values(statement.flags);
    case 'jump':
      return [statement.target];
    case 'branch':
    case 'repeat':
      return [statement.condition];
    case 'trap':
      return statement.when === undefined ? [] : [statement.when];
    case 'helper':
      return statement.when === undefined ? statement.operands : [...statement.operands, statement.when];
    default:
      return statement.operands;
  }
}

/** Those that stand in an expression: every expression is an object whose parts are expressions, or lists of them. */
export function partsOf(e: Expression): Expression[] {
  const parts: Expression[] = [];
  for (const part of Object.values(e)) {
    if (Array.isArray(part)) parts.push(...part.filter(isExpression));
    else if (isExpression(part)) parts.push(part);
  }
  return parts;
}

const isExpression = (value: unknown): value is Expression =>
  typeof value === 'object' && value !== null && 'op' in value;
