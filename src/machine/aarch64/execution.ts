import type { RowOf } from '../../isa/aarch64/table.js';
import { Word } from '../../isa/aarch64/word.js';
import type { Trap } from '../../isa/meaning.js';
import { STATE } from '../state.js';
import { FloatUnit, type FloatWidth } from './float.js';

/** What an instruction on vectors sees of a machine. */
export interface VectorHost {
  readonly view: DataView;
  register(number: number): bigint;
  setRegister(number: number, value: bigint): void;
  xmm(number: number): bigint;
  setXmm(number: number, value: bigint): void;
}

/** Cumulative saturation, FPSR.QC. */
const SATURATED = 1 << 27;

/** Does an instruction; why it cannot be done, with nothing done. */
export type Execute = (x: Execution) => Trap | undefined;
/** As the rows of the decode tables (isa/aarch64/table.ts). */
export type VectorRow = RowOf<Execute>;

/** One instruction on vectors or floating-point numbers, and the registers its word names. */
export class Execution extends Word {
  readonly float: FloatUnit;

  constructor(
    private readonly host: VectorHost,
    word: number,
  ) {
    super(word);
    this.float = new FloatUnit(host.view);
  }

  /** Is it a scalar form, which knows one element? */
  get isScalar(): boolean {
    return this.isSet(28);
  }

  /** Q: all 16 bytes, or the second half of what is narrow. */
  get isWhole(): boolean {
    return this.isSet(30);
  }

  /** Of the vectors of a form with Q, in bits. */
  get length(): number {
    return this.isWhole ? 128 : 64;
  }

  vector(number: number): bigint {
    return this.host.xmm(number);
  }

  setVector(number: number, value: bigint): void {
    this.host.setXmm(number, value);
  }

  /** General register `n`, all of it; 31 is zero. */
  general(n: number): bigint {
    return n === 31 ? 0n : this.host.register(n);
  }

  setGeneral(n: number, value: bigint): void {
    if (n !== 31) this.host.setRegister(n, value);
  }

  /** The low element of a vector register. */
  scalar(number: number, width: number): bigint {
    return BigInt.asUintN(width, this.vector(number));
  }

  /** FPSR.QC. */
  saturated(): void {
    this.float.note(SATURATED);
  }

  /** Where a comparison leaves N, Z, C and V for the statements behind it. */
  setResult(nzcv: number): void {
    this.host.view.setBigUint64(STATE.x87Result, BigInt(nzcv), true);
  }
}

/** Elements of a vector from the lowest on. */
export function split(value: bigint, width: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, n) => BigInt.asUintN(width, value >> BigInt(n * width)));
}

export const join = (values: readonly bigint[], width: number): bigint =>
  values.reduce((sum, value, n) => sum | (BigInt.asUintN(width, value) << BigInt(n * width)), 0n);

/** ftype, bits 23..22, of scalar forms; undefined: none. */
export const floatType = (x: Execution): FloatWidth | undefined =>
  ([32, 64, undefined, 16] as const)[x.bits(23, 22)];
