/**
 * A type as the text around the place of a declarator: `int (*)(char)` is `int (*` and `)(char)`. A pointer to
 * a function or an array needs parentheses there; everything else grows on the left.
 */
export interface Declarator {
  readonly left: string;
  readonly right: string;
  readonly shape: 'plain' | 'function' | 'array';
  /** const, volatile, restrict at the end of the left side, each once. */
  readonly qualifiers: readonly string[];
  /** The reference the type is, for their collapsing. */
  readonly reference: '' | '&' | '&&';
}

export const plain = (left: string): Declarator => ({
  left,
  right: '',
  shape: 'plain',
  qualifiers: [],
  reference: '',
});

/** The left side with its qualifiers. */
const leftOf = ({ left, qualifiers }: Declarator): string => left + qualifiers.join('');

export const textOf = (type: Declarator): string => leftOf(type) + type.right;

/** `sign` added to a type: `*`, `&`, ` _Complex`, `Class::*`. */
export function modify(type: Declarator, sign: string): Declarator {
  const reference = sign === '&' || sign === '&&' ? sign : '';
  if (reference !== '' && type.reference !== '') {
    // References collapse: & wins over && (C++ [dcl.ref]).
    if (reference === type.reference || type.reference === '&') return type;
    return { ...type, left: type.left.slice(0, -1), reference };
  }
  const left = leftOf(type);
  const base = { shape: 'plain', qualifiers: [], reference } as const;
  switch (type.shape) {
    case 'plain':
      return { ...base, left: left + sign, right: type.right };
    case 'array':
      return { ...base, left: `${left} (${sign}`, right: `)${type.right}` };
    case 'function': {
      // A blank, unless the parenthesis of the result's own declarator is just before.
      const blank =
        /[ (]$/.test(left) || (left.endsWith('*') && reference + sign !== '' && !sign.startsWith(' '));
      return { ...base, left: `${left}${blank || left === '' ? '' : ' '}(${sign}`, right: `)${type.right}` };
    }
  }
}

/** `Class::*` added to a type. */
export function memberPointer(type: Declarator, owner: string): Declarator {
  const sign = `${owner}::*`;
  const left = leftOf(type);
  if (type.shape === 'plain') {
    return modify(type, left.endsWith('(') ? sign : ` ${sign}`);
  }
  if (type.shape === 'function' && left !== '' && !left.endsWith(' ')) {
    return modify({ ...type, left: `${left} `, qualifiers: [] }, sign);
  }
  return modify(type, sign);
}

/** const, volatile, restrict behind the type; of an array, behind its elements'. */
export function qualify(type: Declarator, qualifier: string): Declarator {
  if (type.shape === 'function') return modify(type, qualifier);
  const qualifiers = [...type.qualifiers.filter((each) => each !== qualifier), qualifier];
  return { ...type, qualifiers, reference: '' };
}

/** An array of the type. */
export function arrayOf(type: Declarator, size: string): Declarator {
  const right = type.shape === 'array' ? type.right.trimStart() : type.right;
  return { ...type, right: ` [${size}]${right}`, shape: 'array', reference: '' };
}

/** A function: `middle` is its name (or nothing), parameters and qualifiers. */
export function functionOf(result: Declarator | undefined, middle: string): Declarator {
  if (result === undefined) return { ...plain(''), right: middle, shape: 'function' };
  const left = leftOf(result);
  const blank = result.right === '' && result.shape === 'plain' ? ' ' : '';
  return { ...plain(left + blank), right: middle + result.right, shape: 'function' };
}
