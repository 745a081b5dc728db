/**
 * A type as text around the place of a declarator: `int (*)(char)` is `int (*` and `)(char)`. A pointer to a function or an array
 * needs parentheses there; everything else just grows on the left.
 */
export interface TypeText {
  readonly left: string;
  readonly right: string;
  readonly kind: 'plain' | 'function' | 'array';
  /** A parameter pack: its elements, printed with commas; `left` is that. */
  readonly pack?: readonly TypeText[];
}

export const plain = (left: string): TypeText => ({ left, right: '', kind: 'plain' });

export const text = ({ left, right, kind }: TypeText): string =>
  kind === 'plain' ? left + right : `${left} ${right}`;

/** `*`, `&`, `&&`, or `Class::*` added to a type. */
export function pointerTo(type: TypeText, sign: string): TypeText {
  if (type.pack !== undefined) {
    const pack = type.pack.map((each) => pointerTo(each, sign));
    return packOf(pack);
  }
  if (type.kind === 'plain') {
    // References collapse: & wins over && (C++ [dcl.ref]).
    if (sign === '&' || sign === '&&') {
      if (type.left.endsWith('&&')) return sign === '&' ? { ...type, left: type.left.slice(0, -1) } : type;
      if (type.left.endsWith('&')) return type;
    }
    return { ...type, left: type.left + sign };
  }
  return {
    left: `${type.left.trimEnd()} (${sign}`,
    right: `)${type.right.startsWith('[') ? ` ${type.right}` : type.right}`,
    kind: 'plain',
  };
}

/** const, volatile, restrict, behind the type as GNU tools write them. */
export function qualified(type: TypeText, qualifiers: string): TypeText {
  if (qualifiers === '') return type;
  if (type.pack !== undefined) return packOf(type.pack.map((each) => qualified(each, qualifiers)));
  if (type.left.endsWith(qualifiers) && type.kind === 'plain') return type;
  if (type.kind === 'function') return { ...type, right: type.right + qualifiers };
  return { ...type, left: type.left + qualifiers };
}

export function packOf(types: readonly TypeText[]): TypeText {
  const pack = types.flatMap((each) => each.pack ?? [each]);
  return { ...plain(pack.map(text).join(', ')), pack };
}

/** `<int, char>`; GNU tools keep a space between two closing brackets, but not where an empty pack stands last. */
export function argumentList(types: readonly TypeText[]): string {
  const shown = types
    .filter((each) => each.pack === undefined || each.pack.length > 0)
    .map(text)
    .join(', ');
  const emptyLast = types.at(-1)?.pack?.length === 0;
  return `<${shown}${shown.endsWith('>') && !emptyLast ? ' ' : ''}>`;
}
