import { type Instruction, MemorySizeExt, Mnemonic, RegisterExt } from 'iced-x86';
import { describe, expect, it } from 'vitest';
import { FLAG_BITS } from '../../src/isa/meaning.js';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { FloatTrap } from '../../src/machine/float/calls.js';
import { usesFloats } from '../../src/machine/float-code.js';
import { TRAPS } from '../../src/machine/imports.js';
import { Machine } from '../../src/machine/machine.js';
import { PageFault } from '../../src/machine/page-fault.js';
import { PAGE, STATE } from '../../src/machine/state.js';
import { stepFunction } from '../../src/machine/step-code.js';
import { readImage, writeImage } from '../../src/machine/x87/image.js';
import { AHEAD, CODE, DATA, DATA_SIZE, type NativeCase, type NativeState, runNative } from './native.js';
import { isBitTest, Random, randomCase } from './random.js';

const CASES = 50_000;
const native = process.platform === 'linux' && process.arch === 'x64';

const flagMask = (...names: (keyof typeof FLAG_BITS)[]): bigint =>
  names.reduce((mask, name) => mask | (1n << BigInt(FLAG_BITS[name])), 0n);

/** Flags that the Intel SDM (vol. 2, "Flags Affected" of each instruction) leaves undefined. */
function undefinedFlags(instruction: Instruction, { registers }: NativeCase): bigint {
  const name = Mnemonic[instruction.mnemonic]!;
  if (/^(And|Or|Xor|Test)$/.test(name)) return flagMask('af');
  if (/^(Mul|Imul)$/.test(name)) return flagMask('sf', 'zf', 'af', 'pf');
  if (/^(Div|Idiv)$/.test(name)) return flagMask('cf', 'pf', 'af', 'zf', 'sf', 'of');
  if (/^Bs[fr]$/.test(name)) return flagMask('cf', 'of', 'sf', 'af', 'pf');
  if (/^(Tzcnt|Lzcnt)$/.test(name)) return flagMask('of', 'sf', 'af', 'pf');
  if (isBitTest(instruction)) return flagMask('of', 'sf', 'af', 'pf');
  if (/^(Sh[lr]d?|Sal|Sar|R[oc][lr])$/.test(name)) {
    const last = instruction.opCount - 1;
    const wide = sizeOf(instruction) === 8;
    const raw =
      /d$/.test(name) || instruction.opCount > 1
        ? instruction.opKind(last) === 0
          ? registers[1]!
          : instruction.immediate(last)
        : 1n;
    const count = Number(raw & (wide ? 63n : 31n));
    if (count === 0) return 0n;
    const shift = /^(S)/.test(name);
    const beyond = shift && name !== 'Sar' && count >= 8 * sizeOf(instruction) ? flagMask('cf') : 0n;
    return (shift ? flagMask('af') : 0n) | (count === 1 ? 0n : flagMask('of')) | beyond;
  }
  return 0n;
}

function sizeOf(instruction: Instruction): number {
  return instruction.opKind(0) === 0 ? registerSize(instruction) : memorySize(instruction);
}

const registerSize = (instruction: Instruction): number => RegisterExt.size(instruction.opRegister(0));
const memorySize = (instruction: Instruction): number => MemorySizeExt.size(instruction.memorySize);

describe.runIf(native)('random instructions in random states do here what they do on the processor', () => {
  it(`${CASES} cases`, { timeout: 300_000 }, () => {
    const random = new Random(1);
    const machine = new Machine();
    machine.protect(DATA, 4096, PAGE.READ | PAGE.WRITE);
    const differences: string[] = [];
    const seen = new Map<string, number>();
    for (let done = 0; done < CASES && differences.length < 20; ) {
      const batch: { case: NativeCase; instruction: Instruction }[] = [];
      while (batch.length < 1000) {
        const made = randomCase(random);
        if (made !== undefined && isOurs(made.instruction) && !isUndefinedResult(made)) batch.push(made);
      }
      const steps = machine.compile(batch.map(({ instruction }) => stepFunction(meaningOf(instruction)!)));
      const results = runNative(batch.map((each) => each.case));
      for (const [index, { case: one, instruction }] of batch.entries()) {
        const result = results[index]!;
        const name = Mnemonic[instruction.mnemonic]!;
        seen.set(name, (seen.get(name) ?? 0) + 1);
        const said = simulate(machine, steps[index]!, one);
        // Stores of the x87 with an unmasked exception (docs/machine.md).
        if (said.trap === 'unsupported') continue;
        const mask = ~undefinedFlags(instruction, one) & 0xcd5n;
        const flags = mxcsrMask(instruction, one);
        const status = statusMask(name);
        const wanted = fields(result, mask, flags, status);
        const got = fields(said, mask, flags, status);
        const near = /^R(cp|sqrt)[ps]s$/.test(name) ? nearFloats : () => false;
        const wrong = Object.keys(wanted).filter(
          (name) => wanted[name] !== got[name] && !near(wanted[name]!, got[name]!),
        );
        if (wrong.length === 0) continue;
        const before = fields({ ...one, signal: undefined }, 0xcd5n, 0xffff, 0xffff);
        const parts = Object.entries(before).filter(
          ([name]) => !name.startsWith('data') || wrong.includes(name),
        );
        differences.push(
          [
            `${instruction.toString()} [${Buffer.from(one.code).toString('hex')}] before: ${parts.map((part) => part.join('=')).join(' ')}`,
            ...wrong.map((name) => `${name}: native ${wanted[name]}, ours ${got[name]}`),
          ].join('\n  '),
        );
      }
      done += batch.length;
      for (const { instruction } of batch) instruction.free();
    }
    expect(differences.slice(0, 5)).toEqual([]);
    expect(seen.size).toBeGreaterThan(100);
  });
});

/** rcpps and rsqrtps: processors differ within a relative error of 1.5 * 2^-12 each (Intel SDM vol. 2, RCPPS). */
function nearFloats(wanted: string, got: string): boolean {
  const values = (text: string): number[] => {
    const view = new DataView(new ArrayBuffer(16));
    for (const [n, part] of text.split(' ').entries()) view.setBigUint64(8 * n, BigInt(`0x${part}`));
    return [0, 4, 8, 12].map((at) => view.getFloat32(at));
  };
  if (!/^[\da-f]{16} [\da-f]{16}$/.test(wanted)) return false;
  const ours = values(got);
  return values(wanted).every(
    (value, n) => Object.is(value, ours[n]) || Math.abs(value / ours[n]! - 1) <= 2 * 1.5 * 2 ** -12,
  );
}

/** C1 behind fcomi and its like: the Intel SDM (vol. 2, FCOMI) clears it, AMD leaves it. */
const statusMask = (name: string): number => (/^Fu?comi/.test(name) ? ~0x200 : ~0);

/** In the usual mode arithmetic raises no flags of MXCSR (docs/machine.md). */
function mxcsrMask(instruction: Instruction, { fx }: NativeCase): number {
  const mxcsr = new DataView(fx.buffer, fx.byteOffset).getUint32(24, true);
  return (mxcsr & 0xffc0) === 0x1f80 && usesFloats(meaningOf(instruction)!) ? 0xffc0 : 0xffff;
}

/** Not what this machine's processor lacks and the one under the test may have. */
function isOurs(instruction: Instruction): boolean {
  // Which bits of MXCSR there are differs: AMD has one of its own in the image.
  if ([Mnemonic.Fxsave, Mnemonic.Fxsave64].includes(instruction.mnemonic)) return false;
  const first = meaningOf(instruction)?.statements[0];
  const undefinedHere = first?.do === 'trap' && (first.trap === 'undefined' || first.trap === 'unsupported');
  return (
    meaningOf(instruction) !== undefined && (!undefinedHere || /^Ud/.test(Mnemonic[instruction.mnemonic]!))
  );
}

/** shld and shrd of 16 bits by more than 16: the result itself is undefined. */
function isUndefinedResult({
  instruction,
  case: one,
}: {
  instruction: Instruction;
  case: NativeCase;
}): boolean {
  if (![Mnemonic.Shld, Mnemonic.Shrd].includes(instruction.mnemonic) || sizeOf(instruction) !== 2)
    return false;
  const raw = instruction.opKind(2) === 0 ? one.registers[1]! : instruction.immediate(2);
  return (raw & 31n) > 16n;
}

const NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

/** A state field by field, in words; where a signal came, that alone counts. */
function fields(
  {
    registers,
    flags,
    data,
    fx,
    signal,
    went,
  }: NativeState & { signal: number | undefined; went?: string | undefined },
  mask: bigint,
  mxcsrMask: number,
  statusMask: number,
): Record<string, string> {
  if (signal !== undefined) return { signal: `${signal}` };
  return {
    signal: 'none',
    went: went ?? '',
    ...Object.fromEntries(registers.map((value, index) => [NAMES[index], value.toString(16)])),
    flags: (flags & mask).toString(16),
    ...vectorFields(fx, mxcsrMask, statusMask),
    ...Object.fromEntries(
      Array.from({ length: DATA_SIZE / 16 }, (_, n) => [
        `data+${16 * n}`,
        Buffer.from(data.subarray(16 * n, 16 * n + 16)).toString('hex'),
      ]),
    ),
  };
}

/** x87, MXCSR and xmm0..15 of what fxsave wrote. */
function vectorFields(fx: Uint8Array, mxcsrMask: number, statusMask: number): Record<string, string> {
  const view = new DataView(fx.buffer, fx.byteOffset, fx.length);
  const word = (at: number): string => view.getBigUint64(at, true).toString(16).padStart(16, '0');
  return {
    x87: `${view.getUint16(0, true).toString(16)} ${(view.getUint16(2, true) & statusMask).toString(16)}`,
    valid: fx[4]!.toString(2).padStart(8, '0'),
    ...Object.fromEntries(
      Array.from({ length: 8 }, (_, n) => [
        `st${n}`,
        `${view.getUint16(40 + 16 * n, true).toString(16)} ${word(32 + 16 * n)}`,
      ]),
    ),
    mxcsr: (view.getUint32(24, true) & mxcsrMask).toString(16),
    ...Object.fromEntries(
      Array.from({ length: 16 }, (_, n) => [`xmm${n}`, `${word(168 + 16 * n)} ${word(160 + 16 * n)}`]),
    ),
  };
}

const SIGNALS: Readonly<Record<string, number>> = {
  divide: 8,
  undefined: 4,
  breakpoint: 5,
  halt: 11,
  'general-protection': 11,
  float: 8,
};

function simulate(machine: Machine, step: () => number, one: NativeCase) {
  for (const [number, value] of one.registers.entries()) machine.setRegister(number, value);
  const names = ['cf', 'pf', 'af', 'zf', 'sf', 'df', 'of'] as const;
  for (const [index, name] of names.entries())
    machine.raw[STATE.flags + index] = Number((one.flags >> BigInt(FLAG_BITS[name])) & 1n);
  machine.raw.set(one.data, DATA);
  readImage(machine.view, one.fx);
  machine.rip = BigInt(CODE);
  let result: number;
  try {
    result = step();
    for (let rounds = 0; result === 0 && machine.rip === BigInt(CODE) && rounds < 100; rounds++)
      result = step();
  } catch (error) {
    if (!(error instanceof PageFault || error instanceof FloatTrap)) throw error;
    result = 1 + TRAPS.indexOf(error instanceof FloatTrap ? 'float' : 'halt');
  }
  const flags = names.reduce(
    (bits, name, index) => bits | (BigInt(machine.raw[STATE.flags + index]!) << BigInt(FLAG_BITS[name])),
    0n,
  );
  return {
    went:
      result !== 0
        ? undefined
        : machine.rip === BigInt(CODE + one.code.length)
          ? 'on'
          : machine.rip === BigInt(CODE + one.code.length + AHEAD)
            ? 'ahead'
            : `to ${machine.rip.toString(16)}`,
    trap: TRAPS[result - 1],
    signal: result === 0 ? undefined : SIGNALS[TRAPS[result - 1]!],
    registers: Array.from({ length: 16 }, (_, n) => machine.register(n)),
    flags,
    data: machine.raw.slice(DATA, DATA + DATA_SIZE),
    fx: writeImage(machine.view),
  };
}
