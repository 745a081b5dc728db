import { Unmangleable } from '../input.js';
import type { Node } from './nodes.js';

/** How deep a name may nest; real names stay far below. Keeps hostile ones from exhausting the stack. */
const MAX_DEPTH = 400;
/** Parsing backtracks in a few places; this bounds what a hostile name can make of that. */
const MAX_STEPS = 1_000_000;

export function malformed(): never {
  throw new Unmangleable();
}

/**
 * The rules that are used before they are defined: names, types and expressions hold each other. The cursor carries
 * them, so that the files need not import in a circle.
 */
export interface Rules {
  encoding(cursor: Cursor, outermost: boolean): Node;
  expression(cursor: Cursor): Node;
  primary(cursor: Cursor): Node;
  templateArguments(cursor: Cursor): Node[];
  templateHead(cursor: Cursor): Extract<Node, { kind: 'template-parameter' }>[];
  type(cursor: Cursor): Node;
  typesUntil(cursor: Cursor, end: string): Node[];
  templateParameter(cursor: Cursor): Node;
  decltype(cursor: Cursor): Node;
}

/** A place in a mangled name, and what the grammar remembers of the part before it. */
export class Cursor {
  at = 0;
  /** Candidates of `S_`, `S0_`, ... (5.1.8 "Compression"). */
  readonly substitutions: Node[] = [];
  /** The last source name seen: constructors repeat it. */
  lastName = '';
  /** Inside the type of a conversion operator, where `T_I` is ambiguous. */
  inConversion = false;
  inExpression = false;
  private depth = 0;
  private steps = 0;

  /** With `expand`, std::string and its like are written in full, as c++filt does unless told -i. */
  constructor(
    readonly text: string,
    readonly expand: boolean,
    readonly rules: Rules,
  ) {}

  /** The character `ahead` of the place; empty behind the end. */
  peek(ahead = 0): string {
    return this.text.charAt(this.at + ahead);
  }

  /** The next two characters. */
  pair(): string {
    return this.text.slice(this.at, this.at + 2);
  }

  next(): string {
    const char = this.text.charAt(this.at);
    if (char === '') malformed();
    this.at++;
    return char;
  }

  /** Steps over `text` if it comes next. */
  eat(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.eat(text)) malformed();
  }

  get atEnd(): boolean {
    return this.at >= this.text.length;
  }

  get atDigit(): boolean {
    return isDigit(this.peek());
  }

  /** Decimal digits, at least one. */
  digits(): string {
    const start = this.at;
    while (isDigit(this.peek())) this.at++;
    if (this.at === start) malformed();
    return this.text.slice(start, this.at);
  }

  /** A number small enough to count with. */
  count(): number {
    const digits = this.digits();
    return digits.length > 9 ? malformed() : Number(digits);
  }

  /** `_` is 0, `0_` is 1, ...: the numbers of parameters, lambdas, unnamed types. */
  compactNumber(): number {
    if (this.eat('_')) return 0;
    const value = this.count() + 1;
    this.expect('_');
    return value;
  }

  /** `_` is 0, `0_` is 1, `Z_` is 36, `10_` is 37: the numbers of substitutions, to base 36. */
  sequenceNumber(): number {
    let value = 0;
    if (this.eat('_')) return 0;
    while (!this.eat('_')) {
      const digit = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'.indexOf(this.next());
      value = value * 36 + digit;
      if (digit < 0 || value > 1e9) malformed();
    }
    return value + 1;
  }

  remember<T extends Node>(node: T): T {
    this.substitutions.push(node);
    return node;
  }

  /** Runs one rule of the grammar a level deeper. */
  nested<T>(rule: (cursor: Cursor) => T): T {
    if (++this.depth > MAX_DEPTH || ++this.steps > MAX_STEPS) malformed();
    const result = rule(this);
    this.depth--;
    return result;
  }

  /** Runs a rule; on failure goes back to where it began and returns nothing. */
  attempt<T>(rule: (cursor: Cursor) => T): T | undefined {
    const { at, depth, lastName } = this;
    const { length } = this.substitutions;
    try {
      return rule(this);
    } catch (error) {
      if (!(error instanceof Unmangleable)) throw error;
      this.at = at;
      this.depth = depth;
      this.lastName = lastName;
      this.substitutions.length = length;
      return undefined;
    }
  }
}

export const isDigit = (char: string): boolean => char >= '0' && char <= '9' && char !== '';
export const isLower = (char: string): boolean => char >= 'a' && char <= 'z' && char !== '';

export function inExpression<T>(cursor: Cursor, rule: (cursor: Cursor) => T): T {
  const { inExpression: before } = cursor;
  cursor.inExpression = true;
  const result = rule(cursor);
  cursor.inExpression = before;
  return result;
}
