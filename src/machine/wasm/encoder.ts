/** Bytes of a WebAssembly module under way (WebAssembly core specification, chapter 5 "Binary Format"). */
export class Bytes {
  private buffer = new Uint8Array(256);
  length = 0;

  private room(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + more));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** One byte or a few. */
  byte(a: number, b?: number, c?: number, d?: number): this {
    if (this.length + 4 > this.buffer.length) this.room(4);
    this.buffer[this.length++] = a;
    if (b === undefined) return this;
    this.buffer[this.length++] = b;
    if (c === undefined) return this;
    this.buffer[this.length++] = c;
    if (d !== undefined) this.buffer[this.length++] = d;
    return this;
  }

  append(bytes: Uint8Array): this {
    this.room(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** LEB128, unsigned, up to 32 bits. */
  u32(value: number): this {
    if (this.length + 5 > this.buffer.length) this.room(5);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.buffer[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
    return this;
  }

  /** LEB128, signed, up to 32 bits. */
  s32(value: number): this {
    if (this.length + 5 > this.buffer.length) this.room(5);
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)) {
        this.buffer[this.length++] = low;
        return this;
      }
      this.buffer[this.length++] = low | 0x80;
    }
  }

  /** LEB128, signed, up to 64 bits. */
  s64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x8000_0000n && rest <= 0x7fff_ffffn) return this.s32(Number(rest));
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.byte(done ? low : low | 0x80);
      if (done) return this;
    }
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).append(bytes);
  }

  /** A vector: its length, then its items. */
  vector<T>(items: readonly T[], each: (item: T) => void): this {
    this.u32(items.length);
    for (const item of items) each(item);
    return this;
  }

  /** What `fill` writes, with its size in front. */
  sized(fill: (inner: Bytes) => void): this {
    const inner = new Bytes();
    fill(inner);
    return this.u32(inner.length).append(inner.bytes);
  }
}
