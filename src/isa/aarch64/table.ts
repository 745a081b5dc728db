import type { Draft } from './draft.js';

/** Fills the draft; `false` where the fields make an encoding that is reserved or unallocated. */
export type Form = (draft: Draft, name: string) => boolean | undefined;

/**
 * One row of the decode tables, read as [bits, name, form].
 * Legend of bits, from bit 31 down to bit 0, blanks for the eye only:
 *   0 1   must be so
 *   any letter   operand bits; the letter hints at the field of the Arm ARM (d Rd/Rt, n Rn, m Rm/Rs,
 *                a Ra/Rt2, i an immediate, f sf, Q, z size, c condition or opcode detail, s shift)
 * The name is the mnemonic, or its stem. The form reads the operands, writes the text and says the meaning.
 */
export type RowOf<F> = readonly [bits: string, name: string, form: F];
export type Row = RowOf<Form>;

export interface Entry<F = Form> {
  readonly mask: number;
  readonly value: number;
  readonly name: string;
  readonly form: F;
}

/** Throws on a pattern that is not 32 bits long: a fault of the table. */
export const compile = <F>([bits, name, form]: RowOf<F>): Entry<F> => {
  const pattern = bits.replaceAll(' ', '');
  if (pattern.length !== 32) throw new Error(`pattern of ${name} has ${pattern.length} bits: ${bits}`);
  let mask = 0;
  let value = 0;
  for (const letter of pattern) {
    mask = (mask << 1) | (letter === '0' || letter === '1' ? 1 : 0);
    value = (value << 1) | (letter === '1' ? 1 : 0);
  }
  return { mask: mask >>> 0, value: value >>> 0, name, form };
};

/**
 * Finds rows by bits 31..21, which every group of A64 keeps free of register operands (Arm ARM C4.1) but
 * for a few immediates. All is made when it is first asked for.
 */
export class Table<F = Form> {
  private entries: readonly Entry<F>[] | undefined;
  private readonly buckets: (readonly Entry<F>[] | undefined)[] = new Array(2048);

  constructor(private readonly rows: readonly RowOf<F>[]) {}

  candidates(word: number): readonly Entry<F>[] {
    const key = word >>> 21;
    const known = this.buckets[key];
    if (known) return known;
    const high = (key << 21) >>> 0;
    this.entries ??= this.rows.map((row) => compile(row));
    const bucket = this.entries.filter((entry) => ((high ^ entry.value) & entry.mask & 0xffe0_0000) === 0);
    this.buckets[key] = bucket;
    return bucket;
  }
}
