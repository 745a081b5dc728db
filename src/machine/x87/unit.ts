import { type Context, exactly, INVALID_OUTCOME, type Outcome, type Signed } from '../float/operations.js';
import { DOWN, type Rounding, round } from '../float/round.js';
import {
  BEFORE,
  type Bits80,
  type Encodable,
  EXTENDED,
  extended,
  INDEFINITE,
  INVALID,
  OVERFLOW,
  pack80,
  quieted,
  UNDERFLOW,
  unpack80,
  type Value,
} from '../float/value.js';
import { STATE } from '../state.js';

/** Bits of the status word (Intel SDM vol. 1, 8.1.3). */
export const STACK_FAULT = 0x40;
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
const EXCEPTIONS = 0x3f;
/** ES, and B, which is a copy of it. */
const PENDING = 0x8080;
const TOP_SHIFT = 11;

/** What unmasked overflow and underflow do to the exponent of a result in a register (SDM vol. 1, 8.5.4). */
const ADJUST = 24_576;
/** Bits of the significand by precision control; 1 is reserved. */
const PRECISIONS = [24, 64, 53, 64] as const;

/** What an empty register or too large an integer reads as. */
export const INDEFINITE_BITS: Bits80 = pack80(INDEFINITE);

/** The x87's registers in a machine's state. */
export class Unit {
  constructor(readonly view: DataView) {}

  get control(): number {
    return this.view.getUint16(STATE.x87Control, true);
  }

  /** Bit 6 is always set, reserved ones are not (measured). What is unmasked now and was found before is pending. */
  set control(value: number) {
    this.view.setUint16(STATE.x87Control, (value & 0x1f3f) | 0x40, true);
    this.refreshPending();
  }

  get status(): number {
    return this.view.getUint16(STATE.x87Status, true);
  }

  set status(value: number) {
    this.view.setUint16(STATE.x87Status, value, true);
  }

  refreshPending(): void {
    const unmasked = this.status & EXCEPTIONS & ~this.control;
    this.status = unmasked === 0 ? this.status & ~PENDING : this.status | PENDING;
  }

  get isPending(): boolean {
    return (this.status & 0x80) !== 0;
  }

  get rounding(): Rounding {
    return ((this.control >> 10) & 3) as Rounding;
  }

  get top(): number {
    return (this.status >> TOP_SHIFT) & 7;
  }

  set top(value: number) {
    this.status = (this.status & ~(7 << TOP_SHIFT)) | ((value & 7) << TOP_SHIFT);
  }

  /** A bit a physical register: not empty. */
  get valid(): number {
    return this.view.getUint8(STATE.x87Valid);
  }

  set valid(bits: number) {
    this.view.setUint8(STATE.x87Valid, bits);
  }

  private physical(index: number): number {
    return (this.top + index) & 7;
  }

  isEmpty(index: number): boolean {
    return (this.valid & (1 << this.physical(index))) === 0;
  }

  read(index: number): Bits80 {
    const at = STATE.x87Registers + 16 * this.physical(index);
    return { significand: this.view.getBigUint64(at, true), head: this.view.getUint16(at + 8, true) };
  }

  value(index: number): Value {
    return unpack80(this.read(index));
  }

  write(index: number, { significand, head }: Bits80): void {
    const physical = this.physical(index);
    const at = STATE.x87Registers + 16 * physical;
    this.view.setBigUint64(at, significand, true);
    this.view.setUint16(at + 8, head, true);
    this.valid |= 1 << physical;
  }

  free(index: number): void {
    this.valid &= ~(1 << this.physical(index));
  }

  pop(count = 1): void {
    for (let n = 0; n < count; n++) {
      this.free(0);
      this.top += 1;
    }
  }

  /** Notes exceptions and C1; false where one is unmasked that keeps the instruction from doing anything else. */
  raise(flags: number, c1 = false): boolean {
    const before = flags & BEFORE & ~this.control;
    const found = before === 0 ? flags : flags & (BEFORE | STACK_FAULT);
    // Of a stack fault C1 says which one, of a result that there is how it was rounded.
    const said = c1 && (before === 0 || (flags & STACK_FAULT) !== 0);
    this.status = (this.status & ~C1) | found | (said ? C1 : 0);
    this.refreshPending();
    return before === 0;
  }

  /** A register that is empty is read: C1 is 0. */
  underflow(): boolean {
    return this.raise(INVALID | STACK_FAULT);
  }

  /** Room for one more; where there is none and that is masked, the indefinite NaN is put there instead, and it is false too. */
  reserve(): boolean {
    if (this.isEmpty(-1)) return true;
    const goesOn = (this.control & INVALID) !== 0;
    this.status |= INVALID | STACK_FAULT | C1;
    this.refreshPending();
    if (goesOn) this.push(INDEFINITE_BITS);
    return false;
  }

  push(bits: Bits80): void {
    this.top -= 1;
    this.write(0, bits);
  }

  /** Writes a result, unless an unmasked exception keeps it back. */
  deliver(index: number, { value, flags, up }: Outcome, pops: number, precision = 64): void {
    if (!this.raise(flags, up)) return;
    this.write(index, pack80(value, value.kind === 'finite' ? precision : 64));
    this.pop(pops);
  }

  /** Rounding as the control word has it, to a precision. */
  context(precision: number): Context {
    const { control, rounding } = this;
    const underflowMasked = (control & UNDERFLOW) !== 0;
    const rules = {
      rounding,
      exactUnderflow: !underflowMasked,
      flush: false,
      adjust: {
        overflow: (control & OVERFLOW) === 0 ? -ADJUST : undefined,
        underflow: underflowMasked ? undefined : ADJUST,
      },
    };
    const shape = precision === 64 ? EXTENDED : extended(precision);
    return {
      finish: (number, flags) => {
        const rounded = round(number, shape, rules);
        return { ...rounded, flags: flags | rounded.flags };
      },
      nan: chooseNaN,
      zeroSign: rounding === DOWN ? 1 : 0,
    };
  }

  get precision(): number {
    return PRECISIONS[(this.control >> 8) & 3]!;
  }
}

/**
 * A NaN among operands: a quiet one rather than a signaling one, of two alike the one with the larger significand, made quiet (SDM vol. 1,
 * table 4-7), and of two that are equal the positive one. Unsupported operands are invalid.
 */
export function chooseNaN(...values: readonly Value[]): Outcome | undefined {
  if (values.some(({ kind }) => kind === 'unsupported')) return INVALID_OUTCOME;
  const nans = values.flatMap((value) => (value.kind === 'nan' ? [value] : []));
  if (nans.length === 0) return undefined;
  const signals = nans.some(({ signaling }) => signaling);
  const quiet = nans.filter(({ signaling }) => !signaling);
  const best = (quiet.length > 0 ? quiet : nans).reduce((a, b) => {
    if (a.fraction !== b.fraction) return a.fraction > b.fraction ? a : b;
    return a.sign === 0 ? a : b;
  });
  return exactly(quieted(best), signals ? INVALID : 0);
}

/** A number with all of 64 bits, as registers hold it. */
export function normal(value: Signed): Encodable {
  if (value.kind !== 'finite') return value;
  const { sign, exponent, significand } = value;
  const shift = 64 - significand.toString(2).length;
  return { kind: 'finite', sign, significand: significand << BigInt(shift), exponent: exponent - shift };
}

const CONTROL_RESET = 0x37f;

/** What fninit leaves. */
export function reset(unit: Unit): void {
  unit.status = 0;
  unit.control = CONTROL_RESET;
  unit.valid = 0;
}
