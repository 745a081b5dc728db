/** A small generator with known output for a seed, the same everywhere (xoshiro128**, Blackman and Vigna 2018). */
export class Random {
  private readonly s: Uint32Array;

  constructor(seed: number) {
    // SplitMix32 spreads the seed over the state.
    let x = seed >>> 0;
    this.s = Uint32Array.from({ length: 4 }, () => {
      x = (x + 0x9e37_79b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
      return z ^ (z >>> 16);
    });
  }

  /** 32 random bits. */
  next(): number {
    const { s } = this;
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
  below(n: number): number {
    return Math.floor((this.next() / 2 ** 32) * n);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.next() & 0xff);
  }
}

const rotl = (x: number, k: number): number => (x << k) | (x >>> (32 - k));
