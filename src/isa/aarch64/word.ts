/** The fields of an instruction word by the names that the Arm ARM has for most of them. */
export class Word {
  constructor(
    /** Unsigned. */
    readonly word: number,
  ) {}

  /** Bits `high`..`low`, unsigned. */
  bits(high: number, low: number): number {
    return (this.word << (31 - high)) >>> (31 - high + low);
  }

  /** Bits `high`..`low` as two's complement. */
  signed(high: number, low: number): number {
    return (this.word << (31 - high)) >> (31 - high + low);
  }

  isSet(bit: number): boolean {
    return ((this.word >>> bit) & 1) === 1;
  }

  /** Rd or Rt, bits 4..0. */
  get rd(): number {
    return this.word & 31;
  }

  /** Rn, bits 9..5. */
  get rn(): number {
    return (this.word >>> 5) & 31;
  }

  /** Rm or Rs, bits 20..16. */
  get rm(): number {
    return (this.word >>> 16) & 31;
  }

  /** Ra or Rt2, bits 14..10. */
  get ra(): number {
    return (this.word >>> 10) & 31;
  }

  /** sf, bit 31: the 64-bit form. */
  get wide(): boolean {
    return this.word >>> 31 === 1;
  }

  /** By sf, in bits. */
  get size(): 32 | 64 {
    return this.wide ? 64 : 32;
  }
}
