import { beforeEach, describe, expect, it } from 'vitest';
import { Space } from '../../src/kernel/spaces.js';
import { PAGE, STATE, STATE_SIZES } from '../../src/machine/state.js';

const CODE = 0x40_0000;
const DATA = 0x50_0000;
const LDXR = 0xc85f7c01; // ldxr x1, [x0]
const STXR = 0xc8027c03; // stxr w2, x3, [x0]
const STR_X4 = 0xf9000004; // str x4, [x0]
const STR_X5 = 0xf9000005;
const LDR = 0xf9400006;
const CAS = 0xc8a67c04; // cas x6, x4, [x0]
const BRK = 0xd4200000;

/** A load exclusive, and a store exclusive of 9; between them a thread on another CPU runs. */
describe('a store exclusive', () => {
  let space: Space;
  beforeEach(() => {
    space = new Space();
    space.machine.architecture = 'aarch64';
    space.protect(CODE, 4096, PAGE.READ | PAGE.EXECUTE);
    space.protect(DATA, 4096, PAGE.READ | PAGE.WRITE);
    return () => space.machine.dispose();
  });

  const thread = (at: number, address: number): BigUint64Array => {
    const registers = new BigUint64Array(STATE_SIZES.aarch64 / 8);
    registers[STATE.rip / 8] = BigInt(at);
    new DataView(registers.buffer).setUint32(STATE.mxcsr, 0x1f80, true);
    registers[0] = BigInt(address);
    registers[3] = 9n;
    registers[4] = 5n;
    return registers;
  };

  /** How it went (w2), and what memory holds. */
  function between(words: readonly number[], address: number): { failed: bigint; holds: number } {
    const code = [LDXR, STXR, BRK, ...words, BRK];
    space.poke(CODE, new Uint8Array(Uint32Array.from(code).buffer));
    const first = thread(CODE, DATA);
    const second = thread(CODE + 12, address);
    expect(space.run(first, 1).done).toBe(1);
    expect(space.run(second, words.length, false, [first]).done).toBe(words.length);
    expect(space.run(first, 1).done).toBe(1);
    return { failed: first[2]!, holds: space.peek(DATA, 1)[0]! };
  }

  it.each([
    ['nobody has written since', [LDR], DATA, { failed: 0n, holds: 9 }],
    ['another line was written to', [STR_X4], DATA + 64, { failed: 0n, holds: 9 }],
    ['somebody else only marked it', [LDXR], DATA, { failed: 0n, holds: 9 }],
    ['a store exclusive of somebody else failed', [STXR], DATA, { failed: 0n, holds: 9 }],
  ] as const)('succeeds where %s', (_name, words, address, wanted) => {
    expect(between(words, address)).toEqual(wanted);
  });

  it.each([
    ['it was written to', [STR_X4], DATA, { failed: 1n, holds: 5 }],
    ['it was written to and written back', [STR_X4, STR_X5], DATA, { failed: 1n, holds: 0 }],
    ['what it held was written again', [STR_X5], DATA, { failed: 1n, holds: 0 }],
    ['its line was written to', [STR_X4], DATA + 8, { failed: 1n, holds: 0 }],
    ['it was exchanged', [CAS], DATA, { failed: 1n, holds: 5 }],
    ['somebody else was faster', [LDXR, STXR], DATA, { failed: 1n, holds: 9 }],
  ] as const)('fails where %s', (_name, words, address, wanted) => {
    expect(between(words, address)).toEqual(wanted);
  });

  it('sees what a kernel writes', () => {
    space.poke(CODE, new Uint8Array(Uint32Array.from([LDXR, STXR, BRK, LDR, BRK]).buffer));
    const first = thread(CODE, DATA);
    space.run(first, 1);
    space.run(thread(CODE + 12, DATA), 1, false, [first]);
    space.machine.write(DATA, Uint8Array.of(0));
    space.run(first, 1);
    expect(first[2]).toBe(1n);
  });
});
