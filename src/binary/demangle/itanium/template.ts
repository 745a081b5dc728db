/** Template arguments and the heads of templated lambdas (Itanium C++ ABI, 5.1.5.6 and 5.1.8). */
import type { Cursor } from './cursor.js';
import { inExpression, malformed } from './cursor.js';
import type { Node } from './nodes.js';
import { word } from './nodes.js';
import { type } from './types.js';

/** <template-args> ::= I <template-arg>* [Q <constraint>] E */
export function templateArguments(cursor: Cursor): Node[] {
  if (!cursor.eat('I') && !cursor.eat('J')) malformed();
  // Names inside the arguments are not what a constructor behind them repeats.
  const { lastName, inConversion } = cursor;
  cursor.inConversion = false;
  const found: Node[] = [];
  while (!cursor.eat('E')) {
    if (cursor.eat('Q')) {
      inExpression(cursor, cursor.rules.expression);
      cursor.expect('E');
      break;
    }
    found.push(templateArgument(cursor));
  }
  cursor.lastName = lastName;
  cursor.inConversion = inConversion;
  return found;
}

type HeadNode = Extract<Node, { kind: 'template-parameter' }>;

export function templateArgument(cursor: Cursor): Node {
  return cursor.nested(() => {
    switch (cursor.peek()) {
      case 'X': {
        cursor.next();
        const node = inExpression(cursor, cursor.rules.expression);
        cursor.expect('E');
        return node;
      }
      case 'L':
        return cursor.rules.primary(cursor);
      case 'I':
      case 'J':
        return { kind: 'pack', items: templateArguments(cursor) };
      default:
        if (atHeadItem(cursor)) {
          // The declaration of the parameter, where the argument alone would be ambiguous: does not show.
          templateHeadItem(cursor, 0);
          return templateArgument(cursor);
        }
        return type(cursor);
    }
  });
}

/** The explicit template parameters of a lambda: `<typename $T0, int $N1>`. */
export function templateHead(cursor: Cursor): HeadNode[] {
  const head: HeadNode[] = [];
  while (atHeadItem(cursor)) head.push(templateHeadItem(cursor, head.length));
  return head;
}

const atHeadItem = (cursor: Cursor): boolean => cursor.peek() === 'T' && /[ynptk]/.test(cursor.peek(1));

/** <template-param-decl>: Ty a type, Tk one of a concept, Tn a value, Tt a template, Tp a pack of these. */
function templateHeadItem(cursor: Cursor, number: number): HeadNode {
  cursor.expect('T');
  const item = (before: Node, name: string): HeadNode => ({
    kind: 'template-parameter',
    before,
    name,
    pack: false,
  });
  switch (cursor.next()) {
    case 'y':
      return item(word('typename'), `$T${number}`);
    case 'k':
      return item(type(cursor), `$T${number}`);
    case 'n':
      return item(type(cursor), `$N${number}`);
    case 't': {
      const inner = templateHead(cursor).map(({ before }) => before);
      cursor.expect('E');
      const parameters: Node = { kind: 'list', items: inner };
      return item({ kind: 'affixed', before: 'template<', of: parameters, after: '> class' }, `$TT${number}`);
    }
    case 'p':
      return cursor.nested(() => ({ ...templateHeadItem(cursor, number), pack: true }));
    default:
      return malformed();
  }
}
