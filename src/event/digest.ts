/** MurmurHash3_x86_128 (Austin Appleby, public domain), seed 0, for data that comes bit by bit. Fast, and the same everywhere; no protection against forgery. */
export class Digest {
  private h1 = 0;
  private h2 = 0;
  private h3 = 0;
  private h4 = 0;
  /** Bytes that are in h1 to h4. */
  private mixed = 0;
  private readonly buffer = new Uint8Array(1 << 14);
  private readonly view = new DataView(this.buffer.buffer);
  private used = 0;

  byte(value: number): void {
    this.room(1);
    this.buffer[this.used++] = value;
  }

  /** The low 32 bits, little-endian. */
  word(value: number): void {
    this.room(4);
    this.view.setUint32(this.used, value, true);
    this.used += 4;
  }

  /** A whole number as 64 bits, two's complement. */
  number(value: number): void {
    this.word(value >>> 0);
    this.word(Math.floor(value / 2 ** 32) >>> 0);
  }

  wide(value: bigint): void {
    this.room(8);
    this.view.setBigUint64(this.used, value, true);
    this.used += 8;
  }

  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      this.room(1);
      const part = bytes.subarray(at, at + this.buffer.length - this.used);
      this.buffer.set(part, this.used);
      this.used += part.length;
      at += part.length;
    }
  }

  /** 32 hexadecimal digits for what has come so far; more may follow. */
  text(): string {
    this.flush();
    const tail = this.buffer.slice(0, this.used);
    const length = this.mixed + this.used;
    const k = (at: number): number => {
      let word = 0;
      for (let n = Math.min(4, tail.length - at) - 1; n >= 0; n--) word = (word << 8) | tail[at + n]!;
      return word;
    };
    let h1 = this.h1;
    let h2 = this.h2;
    let h3 = this.h3;
    let h4 = this.h4;
    if (tail.length > 12) h4 ^= Math.imul(rotl(Math.imul(k(12), C4), 18), C1);
    if (tail.length > 8) h3 ^= Math.imul(rotl(Math.imul(k(8), C3), 17), C4);
    if (tail.length > 4) h2 ^= Math.imul(rotl(Math.imul(k(4), C2), 16), C3);
    if (tail.length > 0) h1 ^= Math.imul(rotl(Math.imul(k(0), C1), 15), C2);
    h1 ^= length;
    h2 ^= length;
    h3 ^= length;
    h4 ^= length;
    h1 = (h1 + h2 + h3 + h4) | 0;
    [h2, h3, h4] = [(h2 + h1) | 0, (h3 + h1) | 0, (h4 + h1) | 0];
    [h1, h2, h3, h4] = [final(h1), final(h2), final(h3), final(h4)];
    h1 = (h1 + h2 + h3 + h4) | 0;
    [h2, h3, h4] = [(h2 + h1) | 0, (h3 + h1) | 0, (h4 + h1) | 0];
    return [h1, h2, h3, h4].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  private room(size: number): void {
    if (this.used + size > this.buffer.length) this.flush();
  }

  /** Mixes all whole blocks of 16 bytes. */
  private flush(): void {
    const { view } = this;
    let { h1, h2, h3, h4 } = this;
    const end = this.used & ~15;
    for (let at = 0; at < end; at += 16) {
      h1 ^= Math.imul(rotl(Math.imul(view.getInt32(at, true), C1), 15), C2);
      h1 = (Math.imul((rotl(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0;
      h2 ^= Math.imul(rotl(Math.imul(view.getInt32(at + 4, true), C2), 16), C3);
      h2 = (Math.imul((rotl(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0;
      h3 ^= Math.imul(rotl(Math.imul(view.getInt32(at + 8, true), C3), 17), C4);
      h3 = (Math.imul((rotl(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0;
      h4 ^= Math.imul(rotl(Math.imul(view.getInt32(at + 12, true), C4), 18), C1);
      h4 = (Math.imul((rotl(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0;
    }
    [this.h1, this.h2, this.h3, this.h4] = [h1, h2, h3, h4];
    this.mixed += end;
    this.buffer.copyWithin(0, end, this.used);
    this.used -= end;
  }
}

const C1 = 0x239b961b;
const C2 = 0xab0e9789 | 0;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93 | 0;
const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

/** fmix32. */
function final(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
