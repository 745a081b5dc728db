/** Names (Itanium C++ ABI, 5.1.3 and 5.1.5.8, "Closure types"). */
import type { Cursor } from './cursor.js';
import { isDigit, isLower, malformed } from './cursor.js';
import type { Node } from './nodes.js';
import { word } from './nodes.js';
import { OPERATORS, QUALIFIER, STANDARD } from './tables.js';

/** <name> ::= <nested-name> | <unscoped-name> [<template-args>] | <local-name> */
export function name(cursor: Cursor): Node {
  return cursor.nested(() => {
    if (cursor.peek() === 'N') return nestedName(cursor);
    if (cursor.peek() === 'Z') return localName(cursor);
    if (cursor.peek() === 'S' && cursor.peek(1) !== 't') {
      // A substitution is no new candidate, so neither is the template it names.
      const node = moduleThenName(cursor, substitution(cursor, false));
      return cursor.peek() === 'I' ? withArguments(cursor, node) : node;
    }
    const node = unscopedName(cursor);
    return cursor.peek() === 'I' ? withArguments(cursor, cursor.remember(node)) : node;
  });
}

function unscopedName(cursor: Cursor): Node {
  if (!cursor.eat('St')) return unqualifiedName(cursor);
  return { kind: 'scoped', scope: word('std'), name: unqualifiedName(cursor) };
}

const withArguments = (cursor: Cursor, of: Node): Node => ({
  kind: 'template',
  name: of,
  arguments: cursor.rules.templateArguments(cursor),
});

/** <nested-name> ::= N [<CV-qualifiers>] [<ref-qualifier>] <prefix> <unqualified-name> E */
function nestedName(cursor: Cursor): Node {
  cursor.expect('N');
  const explicitObject = cursor.eat('H');
  const qualifiers: Node[] = [];
  while (!explicitObject && QUALIFIER[cursor.peek()] !== undefined) {
    qualifiers.unshift(word(QUALIFIER[cursor.next()]!));
  }
  if (cursor.eat('R')) qualifiers.push(word(' &'));
  else if (cursor.eat('O')) qualifiers.push(word(' &&'));
  const node = prefix(cursor, true);
  cursor.expect('E');
  return qualifiers.length === 0 ? node : { kind: 'this-qualified', name: node, qualifiers };
}

/** <prefix>: components up to the E; each but the last is a candidate for substitution. */
export function prefix(cursor: Cursor, remembered: boolean): Node {
  let node: Node | undefined;
  const join = (part: Node): Node =>
    node === undefined ? part : { kind: 'scoped', scope: node, name: part };
  for (;;) {
    const char = cursor.peek();
    let candidate = true;
    if (char === 'E') {
      return node ?? malformed();
    } else if (char === 'M' && node !== undefined) {
      // The variable or member whose initializer holds a lambda: already there.
      cursor.next();
      continue;
    } else if (char === 'I') {
      node = withArguments(cursor, node ?? malformed());
    } else if (char === 'S' && isStandardOrBack(cursor)) {
      node = moduleThenName(cursor, join(substitution(cursor, true)));
      candidate = false;
    } else if (char === 'T') {
      node = join(cursor.rules.templateParameter(cursor));
    } else if (char === 'D' && (cursor.peek(1) === 't' || cursor.peek(1) === 'T')) {
      node = join(cursor.rules.decltype(cursor));
    } else if (char === 'Z') {
      node = join(localName(cursor));
    } else {
      node = join(unqualifiedName(cursor));
    }
    if (candidate && remembered && cursor.peek() !== 'E') cursor.remember(node);
  }
}

const isStandardOrBack = (cursor: Cursor): boolean => /[_0-9A-Zabsiodt]/.test(cursor.peek(1));

/** <substitution>; with `inPrefix` the abbreviation may be followed by a constructor's name. */
export function substitution(cursor: Cursor, inPrefix: boolean): Node {
  cursor.expect('S');
  const char = cursor.peek();
  if (char === '_' || isDigit(char) || (char >= 'A' && char <= 'Z')) {
    return cursor.substitutions[cursor.sequenceNumber()] ?? malformed();
  }
  const standard = STANDARD[char] ?? malformed();
  cursor.next();
  if (standard.last !== '') cursor.lastName = standard.last;
  const full = cursor.expand || (inPrefix && /[CD]/.test(cursor.peek()));
  const node: Node = { kind: 'standard', text: full ? standard.full : standard.text };
  // An ABI tag makes the abbreviation a candidate after all.
  return cursor.peek() === 'B' ? cursor.remember(abiTags(cursor, node)) : node;
}

/** `W` behind a substitution: C++20 modules. */
function moduleThenName(cursor: Cursor, node: Node): Node {
  return cursor.peek() === 'W' ? { kind: 'scoped', scope: node, name: unqualifiedName(cursor) } : node;
}

/** <unqualified-name> with its ABI tags. */
export function unqualifiedName(cursor: Cursor): Node {
  let module: Node | undefined;
  while (cursor.eat('W')) {
    const partition = cursor.eat('P');
    const part = sourceName(cursor);
    module =
      module === undefined
        ? { kind: 'affixed', before: partition ? ':' : '', of: part, after: '' }
        : { kind: 'affixed', before: '', of: module, after: `${partition ? ':' : '.'}${wordText(part)}` };
    cursor.remember(module);
  }
  const isFriend = cursor.eat('F');
  const node = abiTags(cursor, untaggedName(cursor));
  const named: Node = module === undefined ? node : { kind: 'module', name: node, module };
  return isFriend ? { kind: 'friend', name: named } : named;
}

const wordText = (node: Node): string => (node.kind === 'word' ? node.text : malformed());

function untaggedName(cursor: Cursor): Node {
  const char = cursor.peek();
  if (isDigit(char)) return sourceName(cursor);
  if (isLower(char)) {
    cursor.eat('on');
    return operatorName(cursor);
  }
  if (char === 'D' && cursor.peek(1) === 'C') return structuredBinding(cursor);
  if (char === 'C' || char === 'D') return constructorName(cursor);
  if (char === 'L') {
    // Internal linkage, and GCC's discriminator of such names.
    cursor.next();
    const node = sourceName(cursor);
    discriminator(cursor);
    return node;
  }
  if (cursor.eat('Ul')) return closure(cursor);
  if (cursor.eat('Ut')) return cursor.remember({ kind: 'unnamed', number: cursor.compactNumber() });
  return malformed();
}

/** <source-name> ::= <length> <identifier> */
export function sourceName(cursor: Cursor): Node {
  const length = cursor.count();
  const text = cursor.text.slice(cursor.at, cursor.at + length);
  if (length === 0 || text.length < length) malformed();
  cursor.at += length;
  // GCC's spelling of the anonymous namespace: _GLOBAL__N_1, on some targets with . or $.
  const node = word(/^_GLOBAL_[._$]N/.test(text) ? '(anonymous namespace)' : text);
  cursor.lastName = node.kind === 'word' ? node.text : '';
  return node;
}

function abiTags(cursor: Cursor, node: Node): Node {
  const { lastName } = cursor;
  let tagged = node;
  while (cursor.eat('B')) {
    const tag = sourceName(cursor);
    tagged = { kind: 'tagged', name: tagged, tag: wordText(tag) };
  }
  cursor.lastName = lastName;
  return tagged;
}

/** <operator-name> in a name: a conversion, a literal operator, a vendor's or one of the table. */
function operatorName(cursor: Cursor): Node {
  if (cursor.eat('cv')) {
    const { inConversion } = cursor;
    cursor.inConversion = !cursor.inExpression;
    const to = cursor.rules.type(cursor);
    cursor.inConversion = inConversion;
    return { kind: 'conversion', type: to };
  }
  if (cursor.eat('li')) return { kind: 'operator', text: `"" ${wordText(sourceName(cursor))}` };
  if (cursor.peek() === 'v' && isDigit(cursor.peek(1))) {
    cursor.at += 2;
    return { kind: 'operator', text: ` ${wordText(sourceName(cursor))}` };
  }
  const operator = OPERATORS[cursor.pair()] ?? malformed();
  cursor.at += 2;
  return { kind: 'operator', text: operator[0] };
}

function constructorName(cursor: Cursor): Node {
  if (cursor.lastName === '') malformed();
  const destructor = cursor.next() === 'D';
  if (!destructor && cursor.eat('I')) {
    // A constructor inherited from this base, and called as the base's.
    if (!/[1-5]/.test(cursor.next())) malformed();
    cursor.rules.type(cursor);
  } else if (!/[0-5]/.test(cursor.next())) {
    malformed();
  }
  return { kind: 'constructor', text: destructor ? `~${cursor.lastName}` : cursor.lastName };
}

function structuredBinding(cursor: Cursor): Node {
  cursor.expect('DC');
  const names: Node[] = [];
  while (!cursor.eat('E')) names.push(sourceName(cursor));
  return names.length === 0 ? malformed() : { kind: 'binding', names };
}

/** <closure-type-name> ::= Ul <template head> <parameter types> E [<number>] _ */
function closure(cursor: Cursor): Node {
  const head = cursor.rules.templateHead(cursor);
  const parameters = cursor.rules.typesUntil(cursor, 'E');
  cursor.expect('E');
  return { kind: 'lambda', head, parameters, number: cursor.compactNumber() };
}

/** <discriminator> ::= _ <digit> | __ <number> _ : tells apart what has the same name; does not show. */
export function discriminator(cursor: Cursor): void {
  if (cursor.peek() !== '_') return;
  if (cursor.peek(1) === '_') {
    cursor.attempt(() => {
      cursor.at += 2;
      cursor.digits();
      cursor.expect('_');
    });
  } else if (isDigit(cursor.peek(1))) {
    cursor.at++;
    cursor.digits();
  }
}

/** <local-name> ::= Z <encoding> E (<entity> | s | d [<number>] _ <entity>) [<discriminator>] */
function localName(cursor: Cursor): Node {
  cursor.expect('Z');
  const scope = cursor.rules.encoding(cursor, false);
  cursor.expect('E');
  if (cursor.eat('s')) {
    discriminator(cursor);
    return { kind: 'local', scope, name: word('string literal') };
  }
  const inArgument = cursor.eat('d');
  const number = inArgument ? cursor.compactNumber() + 1 : 0;
  const entity = name(cursor);
  if (!endsInType(entity)) discriminator(cursor);
  return {
    kind: 'local',
    scope,
    name: inArgument ? { kind: 'default-argument', number, name: entity } : entity,
  };
}

/** Closures and unnamed types have numbers of their own and no discriminator. */
const endsInType = (node: Node): boolean => node.kind === 'lambda' || node.kind === 'unnamed';

/** A name in an expression: dependent, with the operator's `on` and its own template arguments. */
export function dependentName(cursor: Cursor): Node {
  const node = unqualifiedName(cursor);
  return cursor.peek() === 'I' ? withArguments(cursor, node) : node;
}

/**
 * <unresolved-name> behind `sr`: a type and a name, or names up to an E and a name. The two are told apart by
 * what follows: the ABI of before 2011, which GCC keeps to, has no E there.
 */
export function unresolvedName(cursor: Cursor): Node {
  const scope = (cursor.atDigit ? cursor.attempt(qualifierLevels) : undefined) ?? cursor.rules.type(cursor);
  const last = destructorOrName(cursor);
  if (last.kind !== 'template') return { kind: 'scoped', scope, name: last };
  return { ...last, name: { kind: 'scoped', scope, name: last.name } };
}

function qualifierLevels(cursor: Cursor): Node {
  let scope = dependentName(cursor);
  while (!cursor.eat('E')) scope = { kind: 'scoped', scope, name: dependentName(cursor) };
  return cursor.atDigit || cursor.pair() === 'on' || cursor.pair() === 'dn' ? scope : malformed();
}

function destructorOrName(cursor: Cursor): Node {
  if (!cursor.eat('dn')) return dependentName(cursor);
  const of = cursor.atDigit ? dependentName(cursor) : cursor.rules.type(cursor);
  return { kind: 'affixed', before: '~', of, after: '' };
}
