import { describe, expect, it } from 'vitest';
import { Digest } from '../../src/event/digest.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** From the Python package mmh3 (mmh3_x86_128_digest, its four words printed one after the other). */
const VECTORS: readonly (readonly [Uint8Array, string])[] = [
  [bytes(''), '00000000000000000000000000000000'],
  [bytes('a'), 'a794933c5556b01b5556b01b5556b01b'],
  [bytes('hello'), '2b2444a0db91def79adb31b69adb31b6'],
  [bytes('hello, world'), '8b21605cb9b98a1e93273a83eb5957c7'],
  [bytes('0123456789abcdef'), 'fb7d440936aed30a48ad1d9b572b3bfd'],
  [bytes('The quick brown fox jumps over the lazy dog'), '2f1583c3ecee2c675d7bf66ce5e91d2c'],
  [Uint8Array.from({ length: 76_800 }, (_, n) => n), '5f8fcb00bce15e6ddb23b81c391d5cf6'],
];

describe('Digest is MurmurHash3_x86_128', () => {
  it.each(VECTORS)('%#', (input, expected) => {
    const digest = new Digest();
    digest.bytes(input);
    expect(digest.text()).toBe(expected);
  });

  it('does not care in which pieces the data comes, nor how often it is asked', () => {
    for (const [input, expected] of VECTORS) {
      for (const step of [1, 3, 7, 16, 4099]) {
        const digest = new Digest();
        for (let at = 0; at < input.length; at += step) {
          digest.bytes(input.subarray(at, at + step));
          if (at % 5 === 0) digest.text();
        }
        expect(digest.text()).toBe(expected);
      }
    }
  });

  it('writes numbers as 64 bits, little-endian, two’s complement', () => {
    const [a, b] = [new Digest(), new Digest()];
    for (const value of [0, 1, -1, 2 ** 32, -(2 ** 40), Number.MAX_SAFE_INTEGER]) {
      a.number(value);
      b.wide(BigInt(value));
    }
    expect(a.text()).toBe(b.text());
  });
});
