/** The state of a generator: plain data. */
export type RandomWords = Uint32Array;

/** A small generator with known output for a seed, the same everywhere (xoshiro128**, Blackman and Vigna 2018). */
export function randomWords(seed: number): RandomWords {
  // SplitMix32 spreads the seed over the state.
  let x = seed >>> 0;
  return Uint32Array.from({ length: 4 }, () => {
    x = (x + 0x9e37_79b9) >>> 0;
    let z = x;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    return z ^ (z >>> 16);
  });
}

/** 32 random bits; moves the state on. */
export function nextRandom(s: RandomWords): number {
  const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
  const t = s[1]! << 9;
  s[2]! ^= s[0]!;
  s[3]! ^= s[1]!;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= t;
  s[3] = rotl(s[3]!, 11);
  return result;
}

/** 0 to n - 1. */
export const below = (s: RandomWords, n: number): number => Math.floor((nextRandom(s) / 2 ** 32) * n);

/** True once in `n` times. */
export const oneIn = (s: RandomWords, n: number): boolean => below(s, n) === 0;

export const oneOf = <T>(s: RandomWords, choices: readonly T[]): T => choices[below(s, choices.length)]!;

/** A whole number from `least` to `most`, small ones as likely as large ones: each doubling as often as the others. No logarithm: those differ by engine. */
export function logUniform(s: RandomWords, least: number, most: number): number {
  let doublings = 0;
  for (let n = least; n * 2 <= most; n *= 2) doublings++;
  const from = least * 2 ** below(s, doublings + 1);
  return Math.min(most, from + below(s, from));
}

export const randomBytes = (s: RandomWords, size: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, () => nextRandom(s) & 0xff);

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
