import type { FloatFn, Format } from '../../isa/meaning.js';

export const floatName = (fn: FloatFn, from: Format, to: Format): string => `${fn} ${from} ${to}`;

const FORMATS = ['f32', 'f64'] as const;
const INTEGERS = ['i32', 'i64'] as const;
const ARITHMETIC = ['add', 'sub', 'mul', 'div', 'min', 'max', 'sqrt'] as const;
const FLAGS = ['below', 'same', 'unordered', 's-below', 's-same', 's-unordered'] as const;
const PREDICATES = ['cmp0', 'cmp1', 'cmp2', 'cmp3', 'cmp4', 'cmp5', 'cmp6', 'cmp7'] as const;

/** Every floating-point function there is, by its number in translated code. */
export const FLOAT_NAMES: readonly string[] = [
  ...FORMATS.flatMap((f) => [
    ...[...ARITHMETIC, ...FLAGS].map((fn) => floatName(fn, f, f)),
    ...PREDICATES.map((fn) => floatName(fn, f, f === 'f32' ? 'i32' : 'i64')),
    ...INTEGERS.flatMap((i) => [
      floatName('convert', i, f),
      floatName('convert', f, i),
      floatName('truncate', f, i),
    ]),
  ]),
  floatName('reciprocal', 'f32', 'f32'),
  floatName('reciprocal-root', 'f32', 'f32'),
  floatName('convert', 'f32', 'f64'),
  floatName('convert', 'f64', 'f32'),
];
