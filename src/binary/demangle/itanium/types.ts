/** Types (Itanium C++ ABI, 5.1.5). */
import type { Cursor } from './cursor.js';
import { inExpression, isDigit, malformed } from './cursor.js';
import { name, sourceName, substitution } from './names.js';
import type { FunctionNode, Modifier, Node } from './nodes.js';
import { word } from './nodes.js';
import { BUILTIN, BUILTIN_D, QUALIFIER } from './tables.js';

const POINTER: Readonly<Record<string, Modifier>> = {
  P: '*',
  R: '&',
  O: '&&',
  C: ' _Complex',
  G: ' _Imaginary',
};

/** Builtin nodes are shared: one a letter. */
const builtinNodes = (table: Readonly<Record<string, readonly [string, string?]>>): Map<string, Node> =>
  new Map(
    Object.entries(table).map(([letter, [text, literal]]) => [
      letter,
      literal === undefined ? { kind: 'builtin', text } : { kind: 'builtin', text, literal },
    ]),
  );
const BUILTIN_NODES = builtinNodes(BUILTIN);
const BUILTIN_D_NODES = builtinNodes(BUILTIN_D);

/** <type>, remembered as a candidate for substitution unless it is builtin or a substitution itself. */
export function type(cursor: Cursor): Node {
  return cursor.nested(typeRule);
}

function typeRule(cursor: Cursor): Node {
  const char = cursor.peek();
  if (QUALIFIER[char] !== undefined || atFunctionQualifier(cursor)) return qualifiedType(cursor);
  const pointer = POINTER[char];
  if (pointer !== undefined) {
    cursor.next();
    return cursor.remember({ kind: 'modified', modifier: pointer, of: type(cursor) });
  }
  const builtin = BUILTIN_NODES.get(char);
  if (builtin !== undefined) {
    cursor.next();
    return builtin;
  }
  switch (char) {
    case 'u':
      return vendorType(cursor);
    case 'F':
      return cursor.remember(functionType(cursor, []));
    case 'A':
      return cursor.remember(arrayType(cursor));
    case 'M': {
      cursor.next();
      const owner = type(cursor);
      return cursor.remember({ kind: 'member-pointer', owner, of: type(cursor) });
    }
    case 'U':
      return vendorQualified(cursor);
    case 'D':
      return dType(cursor);
    case 'T':
      return parameterType(cursor);
    case 'S':
      return substitutedType(cursor);
    default:
      return isDigit(char) || /[NZL]/.test(char) ? cursor.remember(name(cursor)) : malformed();
  }
}

/** <CV-qualifiers> <type>; in front of a function type they qualify its `this`. */
function qualifiedType(cursor: Cursor): Node {
  const read: Node[] = [];
  const modifiers: Modifier[] = [];
  for (;;) {
    const text = QUALIFIER[cursor.peek()];
    if (text !== undefined) {
      cursor.next();
      modifiers.unshift(text);
      read.unshift(word(text));
    } else if (atFunctionQualifier(cursor)) {
      read.unshift(functionQualifier(cursor));
    } else {
      break;
    }
  }
  if (cursor.peek() === 'F') return cursor.remember(functionType(cursor, read));
  if (modifiers.length < read.length) malformed();
  let node = type(cursor);
  for (const modifier of modifiers) node = { kind: 'modified', modifier, of: node };
  return cursor.remember(node);
}

const atFunctionQualifier = (cursor: Cursor): boolean =>
  cursor.peek() === 'D' && /[xoOw]/.test(cursor.peek(1));

/** Dx transaction_safe, Do noexcept, DO <expression> E noexcept(...), Dw <type>+ E throw(...) */
function functionQualifier(cursor: Cursor): Node {
  cursor.expect('D');
  const char = cursor.next();
  if (char === 'x') return word(' transaction_safe');
  if (char === 'o') return word(' noexcept');
  const of = char === 'O' ? [inExpression(cursor, cursor.rules.expression)] : typesUntil(cursor, 'E');
  cursor.expect('E');
  return { kind: 'exception-specification', text: char === 'O' ? ' noexcept' : ' throw', of };
}

/** <function-type> ::= F [Y] <result> <parameters> [R|O] E */
function functionType(cursor: Cursor, qualifiers: readonly Node[]): FunctionNode {
  cursor.expect('F');
  cursor.eat('Y');
  const node = signature(cursor, true, qualifiers);
  cursor.expect('E');
  return node;
}

/** <bare-function-type>: the parameters, up to an E, a clone suffix or the end. */
export function signature(cursor: Cursor, hasResult: boolean, qualifiers: readonly Node[]): FunctionNode {
  cursor.eat('J');
  const result = hasResult ? type(cursor) : undefined;
  const parameters: Node[] = [];
  const all = [...qualifiers];
  while (!cursor.atEnd && !/[E.Q@]/.test(cursor.peek())) {
    if (/[RO]/.test(cursor.peek()) && cursor.peek(1) === 'E') {
      all.push(word(cursor.next() === 'R' ? ' &' : ' &&'));
      break;
    }
    parameters.push(type(cursor));
  }
  if (parameters.length === 0) malformed();
  const [only] = parameters;
  const none = parameters.length === 1 && only?.kind === 'builtin' && only.text === 'void';
  const node = { kind: 'function', parameters: none ? [] : parameters, qualifiers: all } as const;
  return result === undefined ? node : { ...node, result };
}

/** Types up to one of the characters `end`; a single `void` is none. */
export function typesUntil(cursor: Cursor, end: string): Node[] {
  const types: Node[] = [];
  while (!cursor.atEnd && cursor.peek() !== end) types.push(type(cursor));
  const [only] = types;
  return types.length === 1 && only?.kind === 'builtin' && only.text === 'void' ? [] : types;
}

/** <array-type> ::= A [<size> | <expression>] _ <type> */
function arrayType(cursor: Cursor): Node {
  cursor.expect('A');
  let size: Node | undefined;
  if (cursor.atDigit) size = word(cursor.digits());
  else if (cursor.peek() !== '_') size = inExpression(cursor, cursor.rules.expression);
  cursor.expect('_');
  return { kind: 'array', size, of: type(cursor) };
}

function vendorType(cursor: Cursor): Node {
  cursor.expect('u');
  const node = sourceName(cursor);
  return cursor.remember(optionalArguments(cursor, node));
}

/** U <source-name> [<template-args>] <type> */
function vendorQualified(cursor: Cursor): Node {
  if (/[lt]/.test(cursor.peek(1))) return cursor.remember(name(cursor));
  cursor.expect('U');
  const qualifier = optionalArguments(cursor, sourceName(cursor));
  return cursor.remember({ kind: 'vendor-qualified', qualifier, of: type(cursor) });
}

const optionalArguments = (cursor: Cursor, node: Node): Node =>
  cursor.peek() === 'I'
    ? { kind: 'template', name: node, arguments: cursor.rules.templateArguments(cursor) }
    : node;

/** Everything behind a D. */
function dType(cursor: Cursor): Node {
  const char = cursor.peek(1);
  const builtin = BUILTIN_D_NODES.get(char);
  if (builtin !== undefined) {
    cursor.at += 2;
    return builtin;
  }
  switch (char) {
    case 'T':
    case 't':
      return cursor.remember(decltype(cursor));
    case 'p':
      cursor.at += 2;
      return cursor.remember({ kind: 'expansion', of: type(cursor) });
    case 'F': {
      // DF16_ _Float16, DF32x _Float32x, DF16b std::bfloat16_t
      cursor.at += 2;
      const bits = cursor.digits();
      const end = cursor.next();
      if (end === 'b') return { kind: 'builtin', text: 'std::bfloat16_t', literal: '[]' };
      if (end !== '_' && end !== 'x') malformed();
      return { kind: 'builtin', text: `_Float${bits}${end === 'x' ? 'x' : ''}`, literal: '[]' };
    }
    case 'B':
    case 'U': {
      cursor.at += 2;
      const bits = cursor.atDigit ? word(cursor.digits()) : inExpression(cursor, cursor.rules.expression);
      cursor.expect('_');
      const before = char === 'B' ? '_BitInt(' : 'unsigned _BitInt(';
      return { kind: 'affixed', before, of: bits, after: ')' };
    }
    case 'v': {
      cursor.at += 2;
      const counted = cursor.atDigit;
      if (!counted) cursor.eat('_');
      const size = counted ? word(cursor.digits()) : inExpression(cursor, cursor.rules.expression);
      cursor.expect('_');
      return cursor.remember({ kind: 'vector', size, of: type(cursor) });
    }
    default:
      return malformed();
  }
}

/** <decltype> ::= (Dt | DT) <expression> E */
export function decltype(cursor: Cursor): Node {
  cursor.at += 2;
  const of = inExpression(cursor, cursor.rules.expression);
  cursor.expect('E');
  return { kind: 'decltype', of };
}

/** <template-param> ::= T_ | T <number> _ */
export function templateParameter(cursor: Cursor): Node {
  cursor.expect('T');
  return { kind: 'parameter', index: cursor.compactNumber() };
}

/** A template parameter as a type; with arguments behind it, a template template parameter. */
function parameterType(cursor: Cursor): Node {
  if (/[sue]/.test(cursor.peek(1))) {
    // Ts, Tu, Te: struct, union, enum in front of a dependent name.
    const before = { s: 'struct ', u: 'union ', e: 'enum ' }[cursor.peek(1)] ?? malformed();
    cursor.at += 2;
    return cursor.remember({ kind: 'affixed', before, of: name(cursor), after: '' });
  }
  const node = cursor.remember(templateParameter(cursor));
  if (cursor.peek() !== 'I') return node;
  if (!cursor.inConversion) return withArguments(cursor, node);
  // `cvT_I...E`: the arguments belong to the operator, unless another list follows for that.
  return (
    cursor.attempt(() => {
      const template = withArguments(cursor, node);
      return cursor.peek() === 'I' ? template : malformed();
    }) ?? node
  );
}

const withArguments = (cursor: Cursor, of: Node): Node =>
  cursor.remember({ kind: 'template', name: of, arguments: cursor.rules.templateArguments(cursor) });

function substitutedType(cursor: Cursor): Node {
  const char = cursor.peek(1);
  if (isDigit(char) || char === '_' || (char >= 'A' && char <= 'Z')) {
    const node = substitution(cursor, false);
    return cursor.peek() === 'I' ? withArguments(cursor, node) : node;
  }
  const node = name(cursor);
  return node.kind === 'standard' || isTaggedStandard(node) ? node : cursor.remember(node);
}

const isTaggedStandard = (node: Node): boolean =>
  node.kind === 'tagged' && (node.name.kind === 'standard' || isTaggedStandard(node.name));
