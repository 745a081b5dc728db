import { CodeWriter } from './code-writer.js';
import { ARITHMETIC, OP } from './wasm/opcodes.js';

const LOW_HALF = 0xffff_ffffn;

/** What WebAssembly has no instruction for. */
export abstract class MultiplyWriter extends CodeWriter {
  /** The upper 64 bits of the product of the two i64 on the stack, from products of their halves. */
  protected multiplyHigh(signed: boolean): void {
    const { code } = this;
    const [a, b, middle] = ['a', 'b', 'middle'].map((name) => this.scratch(`product ${name}`, 'i64')) as [
      number,
      number,
      number,
    ];
    const get = (local: number): void => {
      code.byte(OP.localGet).u32(local);
    };
    const low = (local: number): void => {
      get(local);
      this.i64(LOW_HALF);
      code.byte(ARITHMETIC.and[1]);
    };
    const shifted = (by: bigint, op: readonly [number, number] = ARITHMETIC.shr): void => {
      this.i64(by);
      code.byte(op[1]);
    };
    const high = (local: number): void => {
      get(local);
      shifted(32n);
    };
    code.byte(OP.localSet).u32(b).byte(OP.localSet).u32(a);
    // middle = high(a) * low(b) + high(low(a) * low(b)), which is below 2^64
    high(a);
    low(b);
    code.byte(ARITHMETIC.mul[1]);
    low(a);
    low(b);
    code.byte(ARITHMETIC.mul[1]);
    shifted(32n);
    code.byte(ARITHMETIC.add[1], OP.localSet).u32(middle);
    // high(a) * high(b) + high(middle) + high(low(a) * high(b) + low(middle))
    high(a);
    high(b);
    code.byte(ARITHMETIC.mul[1]);
    high(middle);
    code.byte(ARITHMETIC.add[1]);
    low(a);
    high(b);
    code.byte(ARITHMETIC.mul[1]);
    low(middle);
    code.byte(ARITHMETIC.add[1]);
    shifted(32n);
    code.byte(ARITHMETIC.add[1]);
    if (!signed) return;
    // A negative factor counts 2^64 too much.
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      get(one);
      shifted(63n, ARITHMETIC.sar);
      get(other);
      code.byte(ARITHMETIC.and[1], ARITHMETIC.sub[1]);
    }
  }
}
