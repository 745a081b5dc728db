/** Texts of expressions, with the parentheses of GNU c++filt. */
import { malformed } from './cursor.js';
import type { Expression, Node, Printing } from './nodes.js';
import { findPack } from './packs.js';

export function printExpression(printer: Printing, node: Expression): string {
  const text = (each: Node): string => printer.text(each);
  const operand = (each: Node): string => printOperand(printer, each);
  switch (node.kind) {
    case 'exception-specification':
      return `${node.text}(${printer.list(node.of)})`;
    case 'function-parameter':
      return node.number === 0 ? 'this' : `{parm#${node.number}}`;
    case 'literal':
      return literal(printer, node);
    case 'prefix':
      return prefix(printer, node);
    case 'postfix':
      return operand(node.of) + text(node.operator);
    case 'binary':
      return binary(printer, node);
    case 'conditional': {
      const [condition, yes, no] = node.of;
      return `${operand(condition)}?${operand(yes)} : ${operand(no)}`;
    }
    case 'named-cast':
      return `${node.text}<${text(node.type)}>(${text(node.of)})`;
    case 'cast':
      return `(${text(node.type)})${operand(node.of)}`;
    case 'list':
      return printer.list(node.items);
    case 'braces':
      return `${node.type === undefined ? '' : text(node.type)}{${printer.list(node.items)}}`;
    case 'designated': {
      const at = node.at.map(text).join(' ... ');
      return `${node.text}${at}${node.text === '[' ? ']' : ''}=${text(node.value)}`;
    }
    case 'new': {
      const placement = node.placement.length === 0 ? '' : ` (${printer.list(node.placement)})`;
      const { initializer } = node;
      const value =
        initializer === undefined
          ? ''
          : initializer.kind === 'list'
            ? operand(initializer)
            : text(initializer);
      return `${node.text}${placement} ${text(node.type)}${value}`;
    }
    case 'fold':
      return fold(printer, node);
    case 'pack-size': {
      const pack = findPack(printer, node.of);
      return String(pack?.items.length ?? 0);
    }
    case 'throw':
      return 'throw';
  }
}

/** An operand: in parentheses unless it is a name or a list in braces. */
function printOperand(printer: Printing, node: Node): string {
  const text = printer.text(node);
  return SIMPLE.has(node.kind) ? text : `(${text})`;
}
printExpression.operand = printOperand;

const SIMPLE: ReadonlySet<Node['kind']> = new Set(['word', 'scoped', 'braces', 'function-parameter']);

function literal(printer: Printing, node: Extract<Expression, { kind: 'literal' }>): string {
  const { type, digits } = node;
  const sign = node.negative ? '-' : '';
  const suffix = type.kind === 'builtin' ? type.literal : undefined;
  if (suffix === 'bool' && !node.negative && (digits === '0' || digits === '1')) {
    return digits === '1' ? 'true' : 'false';
  }
  if (suffix === '[]') return `(${printer.text(type)})${sign}[${digits}]`;
  if (suffix === undefined || suffix === 'bool') return `(${printer.text(type)})${sign}${digits}`;
  return sign + digits + suffix;
}

function prefix(printer: Printing, node: Extract<Expression, { kind: 'prefix' }>): string {
  const { code, of } = node;
  const operator = printer.text(node.operator);
  switch (code) {
    case 'ad': {
      // The address of a member function: without its parameters.
      const name = of.kind === 'typed' && of.name.kind === 'scoped' ? of.name : of;
      return operator + printOperand(printer, name);
    }
    case 'gs':
      return operator + printer.text(of);
    case 'st':
    case 'nx':
      return `${operator}(${printer.text(of)})`;
    default:
      return operator + printOperand(printer, of);
  }
}

function binary(printer: Printing, node: Extract<Expression, { kind: 'binary' }>): string {
  const { code, left, right } = node;
  if (code === 'cl') {
    // What is called shows no parameter types; the arguments follow.
    const called = left.kind === 'typed' ? left.name : left;
    return `${printOperand(printer, called)}${printOperand(printer, right)}`;
  }
  if (code === 'ix') return `${printOperand(printer, left)}[${printer.text(right)}]`;
  const text = printOperand(printer, left) + printer.text(node.operator) + printOperand(printer, right);
  // Kept apart from the > that ends template arguments.
  return code === 'gt' ? `(${text})` : text;
}

/** A fold expression: the pack is written whole. */
function fold(printer: Printing, node: Extract<Expression, { kind: 'fold' }>): string {
  const { packIndex } = printer;
  printer.packIndex = -1;
  const operator = printer.text(node.operator);
  const left = printOperand(printer, node.left);
  const right = node.right === undefined ? undefined : printOperand(printer, node.right);
  printer.packIndex = packIndex;
  switch (node.code) {
    case 'fl':
      return `(...${operator}${left})`;
    case 'fr':
      return `(${left}${operator}...)`;
    case 'fL':
    case 'fR':
      return `(${left}${operator}...${operator}${right ?? malformed()})`;
    default:
      return malformed();
  }
}
