import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Addr } from '../../src/abi/address.js';
import { aarch64 } from '../../src/isa/aarch64/decoder.js';
import { type Decoder, FLAGS, type Instruction, registersOf, type Value } from '../../src/isa/instruction.js';
import { x86_64 } from '../../src/isa/x86-64/decoder.js';

const RUNS = { numRuns: 20_000, seed: 20_261 };
const addresses = fc.constantFrom(0, 4, 0x401000, 0x7fff_ffff_f000, 2 ** 52 - 4096).map((n) => n as Addr);

/** Registers that a value is made of, those of addresses included. */
function registersIn(value: Value): number[] {
  switch (value.op) {
    case 'register':
      return [value.register];
    case 'constant':
    case 'condition':
    case 'thread-pointer':
      return [];
    case 'address':
    case 'load': {
      const { base, index } = value.op === 'load' ? value.memory.address : value.address;
      return [base, index].filter((register) => register !== undefined);
    }
    case 'unknown':
      return value.from.flatMap(registersIn);
    default:
      return [...registersIn(value.a), ...registersIn(value.b)];
  }
}

/** What holds of every instruction whatever the machine (src/isa/instruction.ts). */
function isConsistent(decoder: Decoder, instruction: Instruction): void {
  const { reads, writes, memory, effects, compares, flow, target, condition, traits } = instruction;
  const exists = (register: number) => register <= 33 || (register >= 64 && register < 96);
  for (const register of registersOf(reads | writes)) expect(exists(register)).toBe(true);
  for (const { address, size, read, write } of memory) {
    expect(size).toBeGreaterThanOrEqual(0);
    expect(read || write).toBe(true);
    expect(Number.isInteger(Math.log2(address.scale))).toBe(true);
    for (const register of [address.base, address.index])
      if (register !== undefined) expect((reads >> BigInt(register)) & 1n).toBe(1n);
  }
  for (const effect of effects) {
    if (effect.kind === 'register') expect((writes >> BigInt(effect.register)) & 1n).toBe(1n);
    else {
      const places = memory.filter(({ write }) => write).map(({ address }) => JSON.stringify(address));
      expect(places).toContain(JSON.stringify(effect.memory.address));
    }
    for (const register of registersIn(effect.value)) expect((reads >> BigInt(register)) & 1n).toBe(1n);
  }
  for (const register of (compares ?? []).flatMap(registersIn))
    expect((reads >> BigInt(register)) & 1n).toBe(1n);
  // Flags that are compared are written; a branch that compares by itself writes none.
  if (compares !== undefined && flow !== 'branch') expect((writes >> BigInt(FLAGS)) & 1n).toBe(1n);
  if (condition !== undefined) {
    expect(flow).toBe('branch');
    expect((reads >> BigInt(FLAGS)) & 1n).toBe(1n);
    expect(condition).toBeGreaterThanOrEqual(0);
    expect(condition).toBeLessThan(16);
  }
  expect(target !== undefined).toBe(flow === 'jump' || flow === 'branch' || flow === 'call');
  if (flow === 'unknown') expect([reads, writes, memory, effects]).toEqual([0n, 0n, [], []]);
  else expect(traits.has('reserved')).toBe(false);
  if (traits.has('split')) expect(memory.some(({ write }) => write)).toBe(true);
  expect(instruction.text).not.toBe('');
  expect(instruction.length).toBeLessThanOrEqual(decoder.maxLength);
}

describe('random bytes', () => {
  test('aarch64: any word is decoded or said to be unknown, four bytes long', () => {
    const word = fc.uint8Array({ minLength: 4, maxLength: 8 });
    fc.assert(
      fc.property(word, addresses, (bytes, address) => {
        const instruction = aarch64.decode(bytes, address);
        expect(instruction.length).toBe(4);
        expect(instruction.address).toBe(address);
        if (instruction.flow === 'unknown') expect(instruction.text).toMatch(/^\.inst 0x[0-9a-f]{8}$/);
        isConsistent(aarch64, instruction);
      }),
      RUNS,
    );
  });

  test('aarch64: fewer than four bytes are unknown, and no longer than they are', () => {
    for (let length = 0; length < 4; length++) {
      const { flow, length: said } = aarch64.decode(new Uint8Array(length), 0x1000 as Addr);
      expect([flow, said]).toEqual(['unknown', Math.max(1, length)]);
    }
  });

  test('x86-64: any bytes are decoded or said to be unknown, within their length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 16 }), addresses, (bytes, address) => {
        const instruction = x86_64.decode(bytes, address);
        expect(instruction.length).toBeGreaterThanOrEqual(1);
        expect(instruction.length).toBeLessThanOrEqual(Math.max(1, bytes.length));
        expect(instruction.address).toBe(address);
        if (instruction.flow === 'unknown') expect(instruction.length).toBe(1);
        isConsistent(x86_64, instruction);
      }),
      RUNS,
    );
  });

  test('x86-64: likely opcodes behind likely prefixes', () => {
    const prefixed = fc
      .tuple(
        fc.subarray([0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x64, 0x65]),
        fc.constantFrom([], [0x48], [0x41], [0x4f]),
        fc.constantFrom([], [0x0f], [0x0f, 0x38], [0x0f, 0x3a], [0xc5, 0xf9], [0xc4, 0xe2, 0x79]),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
      )
      .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));
    fc.assert(
      fc.property(prefixed, (bytes) => isConsistent(x86_64, x86_64.decode(bytes, 0x401000 as Addr))),
      RUNS,
    );
  });

  test('what decodes does so from exactly its own bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 15, maxLength: 15 }), (bytes) => {
        const whole = x86_64.decode(bytes, 0x401000 as Addr);
        if (whole.flow === 'unknown') return;
        expect(x86_64.decode(bytes.subarray(0, whole.length), 0x401000 as Addr)).toEqual(whole);
        expect(x86_64.decode(bytes.subarray(0, whole.length - 1), 0x401000 as Addr).flow).toBe('unknown');
      }),
      { ...RUNS, numRuns: 3_000 },
    );
  });
});
