/** Reads DWARF's encodings one after the other. Behind the end it yields zeros and `ended` is true. */
export class DwarfReader {
  private readonly view: DataView;
  ended = false;

  constructor(
    readonly bytes: Uint8Array,
    private readonly little: boolean,
    public at = 0,
    public limit = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limit = Math.min(limit, bytes.length);
  }

  private take(size: number): number | undefined {
    const at = this.at;
    if (at < 0 || at + size > this.limit) {
      this.ended = true;
      this.at = this.limit;
      return undefined;
    }
    this.at += size;
    return at;
  }

  u8(): number {
    const at = this.take(1);
    return at === undefined ? 0 : this.view.getUint8(at);
  }

  i8(): number {
    const at = this.take(1);
    return at === undefined ? 0 : this.view.getInt8(at);
  }

  u16(): number {
    const at = this.take(2);
    return at === undefined ? 0 : this.view.getUint16(at, this.little);
  }

  u32(): number {
    const at = this.take(4);
    return at === undefined ? 0 : this.view.getUint32(at, this.little);
  }

  /** As a number: addresses and offsets beyond 2^53 are no use to anyone. */
  u64(): number {
    const at = this.take(8);
    return at === undefined ? 0 : Number(this.view.getBigUint64(at, this.little));
  }

  uint(size: number): number {
    if (size === 8) return this.u64();
    return size === 4 ? this.u32() : size === 2 ? this.u16() : this.u8();
  }

  uleb(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  sleb(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (byte & 0x40) value -= 2 ** (shift + 7);
        break;
      }
    }
    return value;
  }

  string(): string {
    const start = this.at;
    let stop = start;
    while (stop < this.limit && this.bytes[stop] !== 0) stop++;
    this.at = Math.min(stop + 1, this.limit);
    return utf8.decode(this.bytes.subarray(start, stop));
  }

  skip(size: number): void {
    if (this.at + size > this.limit) this.ended = true;
    this.at = Math.min(this.at + Math.max(0, size), this.limit);
  }
}

const utf8 = new TextDecoder();
