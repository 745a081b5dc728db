/** Encodings and special names (Itanium C++ ABI, 5.1.2 and 5.1.4). */
import type { Cursor } from './cursor.js';
import { inExpression, isDigit, malformed } from './cursor.js';
import { expression } from './expressions.js';
import { name } from './names.js';
import type { Node } from './nodes.js';
import { SPECIAL_ENCODING, SPECIAL_NAME, SPECIAL_TYPE } from './tables.js';
import { templateArgument } from './template.js';
import { signature, type } from './types.js';

/** `_Z` <encoding> and the suffixes compilers add to clones of a function. */
export function mangledName(cursor: Cursor): Node {
  cursor.expect('_Z');
  let node = encoding(cursor, true);
  for (let suffix = cloneSuffix(cursor); suffix !== ''; suffix = cloneSuffix(cursor)) {
    node = { kind: 'affixed', before: '', of: node, after: ` [clone ${suffix}]` };
  }
  return node;
}

/** .part.0, .cold, .constprop.1.2, .0: a word, or a number, and numbers behind. */
function cloneSuffix(cursor: Cursor): string {
  const [suffix = ''] = /^(?:\.[a-z_][a-z_0-9]*|\.\d+)(?:\.\d+)*/.exec(cursor.text.slice(cursor.at)) ?? [];
  cursor.at += suffix.length;
  return suffix;
}

/** <encoding> ::= <name> [<bare-function-type>] | <special-name>; the scope of a local name shows no result. */
export function encoding(cursor: Cursor, outermost: boolean): Node {
  return cursor.nested(() => {
    if (cursor.peek() === 'G' || cursor.peek() === 'T') return specialName(cursor);
    const node = name(cursor);
    if (cursor.atEnd || /[E@]/.test(cursor.peek())) return node;
    const found = signature(cursor, hasResult(node), []);
    const { result: _, ...without } = found;
    const typed = { kind: 'typed', name: node, type: outermost ? found : without } as const;
    return cursor.eat('Q') ? { ...typed, requires: inExpression(cursor, expression) } : typed;
  });
}

/** Templates have their result type in the mangled name, but not constructors and conversions. */
function hasResult(node: Node): boolean {
  if (node.kind === 'local' || node.kind === 'default-argument' || node.kind === 'this-qualified') {
    return hasResult(node.name);
  }
  return node.kind === 'template' && !isConstructorOrConversion(node.name);
}

function isConstructorOrConversion(node: Node): boolean {
  if (node.kind === 'scoped' || node.kind === 'local' || node.kind === 'tagged')
    return isConstructorOrConversion(node.name);
  return node.kind === 'constructor' || node.kind === 'conversion';
}

const affixed = (before: string, of: Node): Node => ({ kind: 'affixed', before, of, after: '' });

function specialName(cursor: Cursor): Node {
  const code = cursor.pair();
  cursor.at += 2;
  const ofType = SPECIAL_TYPE[code];
  if (ofType !== undefined) return affixed(ofType, type(cursor));
  const ofName = SPECIAL_NAME[code];
  if (ofName !== undefined) return affixed(ofName, name(cursor));
  const ofEncoding = SPECIAL_ENCODING[code];
  if (ofEncoding !== undefined) return affixed(ofEncoding, encoding(cursor, false));
  switch (code) {
    case 'Th':
    case 'Tv':
      cursor.at--;
      callOffset(cursor);
      return affixed(code === 'Th' ? 'non-virtual thunk to ' : 'virtual thunk to ', encoding(cursor, false));
    case 'Tc':
      callOffset(cursor);
      callOffset(cursor);
      return affixed('covariant return thunk to ', encoding(cursor, false));
    case 'TC': {
      const derived = type(cursor);
      cursor.digits();
      cursor.expect('_');
      return { kind: 'construction-vtable', derived, base: type(cursor) };
    }
    case 'TA':
      return affixed('template parameter object for ', templateArgument(cursor));
    case 'GR': {
      const of = name(cursor);
      const number = cursor.peek() === '_' || isDigit(cursor.peek()) ? cursor.sequenceNumber() : 0;
      return affixed(`reference temporary #${number} for `, of);
    }
    case 'GT': {
      const safe = cursor.next();
      const kind = safe === 'n' ? 'non-transaction clone for ' : 'transaction clone for ';
      return affixed(kind, encoding(cursor, false));
    }
    default:
      return malformed();
  }
}

/** <call-offset> ::= h <number> _ | v <number> _ <number> _ */
function callOffset(cursor: Cursor): void {
  const virtual = cursor.next() === 'v';
  for (let count = virtual ? 2 : 1; count > 0; count--) {
    cursor.eat('n');
    cursor.digits();
    cursor.expect('_');
  }
}
