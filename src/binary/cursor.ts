/** Reads fields of an ELF file: byte order and class once, then by offset. Outside the bytes every field is undefined. */
export class Cursor {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly littleEndian: boolean,
    readonly bits: 32 | 64,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  private fits(offset: number, size: number): boolean {
    return offset >= 0 && offset + size <= this.bytes.length;
  }

  u8(offset: number): number {
    return this.fits(offset, 1) ? this.view.getUint8(offset) : 0;
  }

  u16(offset: number): number {
    return this.fits(offset, 2) ? this.view.getUint16(offset, this.littleEndian) : 0;
  }

  u32(offset: number): number {
    return this.fits(offset, 4) ? this.view.getUint32(offset, this.littleEndian) : 0;
  }

  /** A 64-bit value as a number: exact to 2^53, and larger ones stay large, which is all a bound check needs. */
  u64(offset: number): number {
    return this.fits(offset, 8) ? Number(this.view.getBigUint64(offset, this.littleEndian)) : 0;
  }

  i64(offset: number): number {
    return this.fits(offset, 8) ? Number(this.view.getBigInt64(offset, this.littleEndian)) : 0;
  }

  i32(offset: number): number {
    return this.fits(offset, 4) ? this.view.getInt32(offset, this.littleEndian) : 0;
  }

  /** Elf32_Addr or Elf64_Addr, Elf32_Off or Elf64_Off. */
  word(offset: number): number {
    return this.bits === 64 ? this.u64(offset) : this.u32(offset);
  }

  /** The NUL-terminated string at an offset, at most `limit` bytes; empty where there is none. */
  string(offset: number, limit: number): string {
    if (!this.fits(offset, 1)) return '';
    const end = Math.min(this.bytes.length, offset + limit, offset + 65536);
    let stop = offset;
    while (stop < end && this.bytes[stop] !== 0) stop++;
    return latin.decode(this.bytes.subarray(offset, stop));
  }
}

const latin = new TextDecoder('utf-8');
