/** Expressions (Itanium C++ ABI, 5.1.6). */
import type { Cursor } from './cursor.js';
import { isDigit, malformed } from './cursor.js';
import { dependentName, sourceName, unresolvedName } from './names.js';
import type { Node } from './nodes.js';
import { word } from './nodes.js';
import { OPERATORS, QUALIFIER } from './tables.js';
import { templateArgument, templateArguments } from './template.js';
import { templateParameter, type } from './types.js';

/** <expression> */
export function expression(cursor: Cursor): Node {
  return cursor.nested(expressionRule);
}

function expressionRule(cursor: Cursor): Node {
  const char = cursor.peek();
  if (char === 'L') return primary(cursor);
  if (char === 'T') return templateParameter(cursor);
  if (isDigit(char)) return dependentName(cursor);
  const rule = RULES[cursor.pair()];
  if (rule !== undefined) {
    const { at } = cursor;
    cursor.at += 2;
    const node = rule(cursor);
    if (node !== undefined) return node;
    cursor.at = at;
  }
  if (char === 'u') return vendorExpression(cursor);
  const code = cursor.pair();
  const operator = OPERATORS[code] ?? malformed();
  cursor.at += 2;
  return operation(cursor, code, operator[0], operator[1]);
}

/** An operator of the table with its operands. */
function operation(cursor: Cursor, code: string, text: string, operands: number): Node {
  if (operands === 1) return { kind: 'prefix', code, operator: word(text), of: expression(cursor) };
  if (operands !== 2) malformed();
  const left = expression(cursor);
  return { kind: 'binary', code, operator: word(text), left, right: expression(cursor) };
}

/** Expressions up to the E (or `end`), which is stepped over. */
function expressionsUntil(cursor: Cursor, end: string): Node[] {
  const found: Node[] = [];
  while (!cursor.eat(end)) found.push(expression(cursor));
  return found;
}

const list = (items: readonly Node[]): Node => ({ kind: 'list', items });

type Rule = (cursor: Cursor) => Node | undefined;

const namedCast =
  (text: string): Rule =>
  (cursor) => ({ kind: 'named-cast', text, type: type(cursor), of: expression(cursor) });

/** `gs` in front: the global operator new or delete. */
const newExpression =
  (text: string): Rule =>
  (cursor) => {
    const placement = expressionsUntil(cursor, '_');
    const of = type(cursor);
    let initializer: Node | undefined;
    if (cursor.eat('pi')) initializer = list(expressionsUntil(cursor, 'E'));
    else if (cursor.peek() === 'i') initializer = expression(cursor);
    else cursor.expect('E');
    return { kind: 'new', text, placement, type: of, initializer };
  };

/** An operand of an operator that is a type. */
const ofType =
  (code: string): Rule =>
  (cursor) => ({ kind: 'prefix', code, operator: word(OPERATORS[code]![0]), of: type(cursor) });

/** `pp_` and `mm_` are prefixes, `pp` and `mm` postfixes. */
const increment =
  (code: string): Rule =>
  (cursor) => {
    const operator = word(OPERATORS[code]![0]);
    if (cursor.eat('_')) return { kind: 'prefix', code, operator, of: expression(cursor) };
    return { kind: 'postfix', operator, of: expression(cursor) };
  };

const member =
  (code: string): Rule =>
  (cursor) => {
    const left = expression(cursor);
    const right =
      cursor.peek() === 'L' || cursor.pair() === 'gs' || cursor.pair() === 'sr'
        ? expression(cursor)
        : cursor.eat('dn')
          ? destructor(cursor)
          : dependentName(cursor);
    return { kind: 'binary', code, operator: word(OPERATORS[code]![0]), left, right };
  };

const destructor = (cursor: Cursor): Node => ({
  kind: 'affixed',
  before: '~',
  of: cursor.atDigit ? dependentName(cursor) : type(cursor),
  after: '',
});

const fold =
  (code: string): Rule =>
  (cursor) => {
    const operator = OPERATORS[cursor.pair()];
    // `fL` is also a function parameter of an enclosing level: fL <number> p
    if (operator === undefined) return undefined;
    cursor.at += 2;
    const left = expression(cursor);
    const right = code === 'fl' || code === 'fr' ? undefined : expression(cursor);
    return { kind: 'fold', code, operator: word(operator[0]), left, right };
  };

/** fp [<qualifiers>] [<number>] _ and fpT, which is `this`; fL <level> p ... the same of an outer level. */
const functionParameter: Rule = (cursor) => {
  if (cursor.eat('T')) return { kind: 'function-parameter', number: 0 };
  while (QUALIFIER[cursor.peek()] !== undefined) cursor.next();
  return { kind: 'function-parameter', number: cursor.compactNumber() + 1 };
};

const outerParameter: Rule = (cursor) => {
  if (!cursor.atDigit) return undefined;
  cursor.digits();
  cursor.expect('p');
  return functionParameter(cursor);
};

const designated =
  (text: string, ranges: number): Rule =>
  (cursor) => {
    const at: Node[] = [];
    if (ranges === 0) at.push(sourceName(cursor));
    else for (let count = 0; count < ranges; count++) at.push(expression(cursor));
    return { kind: 'designated', text, at, value: expression(cursor) };
  };

/** Expressions that are more than an operator and its operands, by their two letters. */
const RULES: Readonly<Record<string, Rule>> = {
  sr: unresolvedName,
  on: (cursor) => {
    cursor.at -= 2;
    return dependentName(cursor);
  },
  gs: (cursor) => ({ kind: 'prefix', code: 'gs', operator: word('::'), of: expression(cursor) }),
  sp: (cursor) => ({ kind: 'expansion', of: expression(cursor) }),
  sZ: (cursor) => ({ kind: 'pack-size', of: expression(cursor) }),
  sP: (cursor) => {
    const items: Node[] = [];
    while (!cursor.eat('E')) items.push(templateArgument(cursor));
    return { kind: 'prefix', code: 'sP', operator: word('sizeof...'), of: list(items) };
  },
  fp: functionParameter,
  fl: fold('fl'),
  fr: fold('fr'),
  fL: (cursor) => outerParameter(cursor) ?? fold('fL')(cursor),
  fR: fold('fR'),
  il: (cursor) => ({ kind: 'braces', type: undefined, items: expressionsUntil(cursor, 'E') }),
  tl: (cursor) => ({ kind: 'braces', type: type(cursor), items: expressionsUntil(cursor, 'E') }),
  cv: (cursor) => {
    const to = type(cursor);
    const of = cursor.eat('_') ? list(expressionsUntil(cursor, 'E')) : expression(cursor);
    return { kind: 'cast', type: to, of };
  },
  cl: (cursor) => {
    const left = expression(cursor);
    const right = list(expressionsUntil(cursor, 'E'));
    return { kind: 'binary', code: 'cl', operator: word(''), left, right };
  },
  dc: namedCast('dynamic_cast'),
  sc: namedCast('static_cast'),
  cc: namedCast('const_cast'),
  rc: namedCast('reinterpret_cast'),
  st: ofType('st'),
  at: ofType('at'),
  ti: ofType('ti'),
  pp: increment('pp'),
  mm: increment('mm'),
  dt: member('dt'),
  pt: member('pt'),
  nw: newExpression('new'),
  na: newExpression('new[]'),
  qu: (cursor) => ({ kind: 'conditional', of: [expression(cursor), expression(cursor), expression(cursor)] }),
  tr: () => ({ kind: 'throw' }),
  di: designated('.', 0),
  dx: designated('[', 1),
  dX: designated('[', 2),
  rq: (cursor) => requirement(cursor),
  rQ: (cursor) => {
    while (cursor.peek() !== '_') type(cursor);
    cursor.expect('_');
    return requirement(cursor);
  },
};

/** `requires { ... }` of C++20; the requirements do not show. */
function requirement(cursor: Cursor): Node {
  while (!cursor.eat('E')) {
    if (cursor.eat('X')) {
      expression(cursor);
      cursor.eat('N');
      if (cursor.eat('R')) type(cursor);
    } else if (cursor.eat('T')) type(cursor);
    else if (cursor.eat('Q')) expression(cursor);
    else malformed();
  }
  return word('requires {...}');
}

/** u <source-name> <template-arg>* E : a vendor's operator, printed as a call. */
function vendorExpression(cursor: Cursor): Node {
  cursor.expect('u');
  const left = sourceName(cursor);
  const items: Node[] = [];
  if (cursor.peek() === 'I') items.push(...templateArguments(cursor));
  else while (!cursor.eat('E')) items.push(templateArgument(cursor));
  return { kind: 'binary', code: 'cl', operator: word(''), left, right: list(items) };
}

/** <expr-primary> ::= L <type> <value> E | L _Z <encoding> E */
export function primary(cursor: Cursor): Node {
  cursor.expect('L');
  if (cursor.peek() === '_' || cursor.peek() === 'Z') {
    // GCC before 3.3 left out the underscore.
    cursor.eat('_');
    cursor.expect('Z');
    const node = cursor.rules.encoding(cursor, true);
    cursor.expect('E');
    return node;
  }
  const of = type(cursor);
  if (of.kind === 'builtin' && of.text === 'decltype(nullptr)' && cursor.eat('E')) return of;
  const negative = cursor.eat('n');
  const end = cursor.text.indexOf('E', cursor.at);
  if (end <= cursor.at) malformed();
  const digits = cursor.text.slice(cursor.at, end);
  cursor.at = end + 1;
  return { kind: 'literal', type: of, digits, negative };
}
