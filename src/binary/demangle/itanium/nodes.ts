/** Function types and their qualifiers: `int (char) const &`. */
export interface FunctionNode {
  readonly kind: 'function';
  /** Absent in names of functions that are not templates. */
  readonly result?: Node;
  readonly parameters: readonly Node[];
  /** const, volatile, restrict, &, &&, noexcept, in the order of the text. */
  readonly qualifiers: readonly Node[];
}

/** What a pointer-like or qualifying node adds to the type under it. */
export type Modifier = '*' | '&' | '&&' | ' const' | ' volatile' | ' restrict' | ' _Complex' | ' _Imaginary';

/**
 * A demangled name as a tree. Template parameters stay unresolved until they are printed, because the
 * arguments they stand for may come later in the mangled name (conversion operators).
 */
export type Node =
  | FunctionNode
  /** A word of the source: an identifier, or a text that prints as itself. */
  | { readonly kind: 'word'; readonly text: string }
  /** A builtin type; `literal` is the suffix of its literals, or absent where they print as casts. */
  | { readonly kind: 'builtin'; readonly text: string; readonly literal?: string }
  /** An abbreviation of the standard library. */
  | { readonly kind: 'standard'; readonly text: string }
  | { readonly kind: 'scoped'; readonly scope: Node; readonly name: Node }
  | { readonly kind: 'local'; readonly scope: Node; readonly name: Node }
  | { readonly kind: 'default-argument'; readonly number: number; readonly name: Node }
  /** A member function's name with what qualifies `this`. */
  | { readonly kind: 'this-qualified'; readonly name: Node; readonly qualifiers: readonly Node[] }
  | { readonly kind: 'template'; readonly name: Node; readonly arguments: readonly Node[] }
  | { readonly kind: 'tagged'; readonly name: Node; readonly tag: string }
  | { readonly kind: 'constructor'; readonly text: string }
  | { readonly kind: 'operator'; readonly text: string }
  | { readonly kind: 'conversion'; readonly type: Node }
  | {
      readonly kind: 'lambda';
      readonly head: readonly Node[];
      readonly parameters: readonly Node[];
      readonly number: number;
    }
  /** An explicit template parameter of a lambda: `typename $T0`, `int... $N0`. */
  | {
      readonly kind: 'template-parameter';
      readonly before: Node;
      readonly name: string;
      readonly pack: boolean;
    }
  | { readonly kind: 'unnamed'; readonly number: number }
  | { readonly kind: 'binding'; readonly names: readonly Node[] }
  | { readonly kind: 'module'; readonly name: Node; readonly module: Node }
  | { readonly kind: 'friend'; readonly name: Node }
  /** A function with its type. */
  | { readonly kind: 'typed'; readonly name: Node; readonly type: FunctionNode; readonly requires?: Node }
  /** `vtable for X`, `X [clone .cold]`. */
  | { readonly kind: 'affixed'; readonly before: string; readonly of: Node; readonly after: string }
  | { readonly kind: 'construction-vtable'; readonly derived: Node; readonly base: Node }
  | { readonly kind: 'parameter'; readonly index: number }
  | { readonly kind: 'pack'; readonly items: readonly Node[] }
  | { readonly kind: 'expansion'; readonly of: Node }
  | { readonly kind: 'modified'; readonly modifier: Modifier; readonly of: Node }
  | { readonly kind: 'vendor-qualified'; readonly qualifier: Node; readonly of: Node }
  | { readonly kind: 'member-pointer'; readonly owner: Node; readonly of: Node }
  | { readonly kind: 'array'; readonly size: Node | undefined; readonly of: Node }
  | { readonly kind: 'vector'; readonly size: Node; readonly of: Node }
  | { readonly kind: 'decltype'; readonly of: Node }
  | Expression;

/** Nodes of expressions (in decltype, array bounds and template arguments). */
export type Expression =
  /** `text` is `noexcept` or `throw`; the arguments stand in parentheses where there are any. */
  | { readonly kind: 'exception-specification'; readonly text: string; readonly of: readonly Node[] }
  | { readonly kind: 'function-parameter'; readonly number: number }
  | { readonly kind: 'literal'; readonly type: Node; readonly digits: string; readonly negative: boolean }
  | { readonly kind: 'prefix'; readonly code: string; readonly operator: Node; readonly of: Node }
  | { readonly kind: 'postfix'; readonly operator: Node; readonly of: Node }
  | {
      readonly kind: 'binary';
      readonly code: string;
      readonly operator: Node;
      readonly left: Node;
      readonly right: Node;
    }
  | { readonly kind: 'conditional'; readonly of: readonly [Node, Node, Node] }
  /** static_cast and its like. */
  | { readonly kind: 'named-cast'; readonly text: string; readonly type: Node; readonly of: Node }
  | { readonly kind: 'cast'; readonly type: Node; readonly of: Node }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'braces'; readonly type: Node | undefined; readonly items: readonly Node[] }
  | { readonly kind: 'designated'; readonly text: string; readonly at: readonly Node[]; readonly value: Node }
  | {
      readonly kind: 'new';
      readonly text: string;
      readonly placement: readonly Node[];
      readonly type: Node;
      readonly initializer: Node | undefined;
    }
  | {
      readonly kind: 'fold';
      readonly code: string;
      readonly operator: Node;
      readonly left: Node;
      /** Only of a fold over an initial value (fL, fR). */
      readonly right: Node | undefined;
    }
  | { readonly kind: 'pack-size'; readonly of: Node }
  | { readonly kind: 'throw' };

export const word = (text: string): Node => ({ kind: 'word', text });

/** What turns nodes into text, as the parts of it see each other. */
export interface Printing {
  /** The element that a pack expansion has come to; -1 outside of one. */
  packIndex: number;
  text(node: Node): string;
  list(nodes: readonly Node[]): string;
  /** The template argument that a parameter stands for here. */
  argument(index: number): Node | undefined;
  countStep(): void;
}
