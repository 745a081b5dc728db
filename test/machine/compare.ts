import { type Instruction, Mnemonic } from 'iced-x86';
import { FLAG_BITS } from '../../src/isa/meaning.js';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { GENERAL_NAMES } from '../../src/isa/x86-64/registers.js';
import { FloatTrap } from '../../src/machine/float/calls.js';
import { TRAPS } from '../../src/machine/imports.js';
import { Machine } from '../../src/machine/machine.js';
import { PageFault } from '../../src/machine/page-fault.js';
import { PAGE, STATE } from '../../src/machine/state.js';
import { stepFunction } from '../../src/machine/step-code.js';
import { readImage, writeImage } from '../../src/machine/x87/image.js';
import {
  AHEAD,
  CODE,
  DATA,
  DATA_SIZE,
  type NativeCase,
  type NativeResult,
  type NativeState,
  runNative,
} from './native.js';
import { Random, randomCase } from './random.js';
import { EXACT, isOurs, isUndefinedResult, type Tolerance, toleranceOf } from './tolerance.js';

export interface Comparison {
  /** What was different, told so that it can be done again by hand; 20 are enough. */
  readonly differences: readonly string[];
  /** How many cases there were of each mnemonic. */
  readonly seen: ReadonlyMap<string, number>;
}

const BATCH = 1000;
const ENOUGH = 20;

/** Runs random instructions in random states here and on this machine's processor. */
export function compareWithProcessor(seed: number, cases: number): Comparison {
  const random = new Random(seed);
  const machine = new Machine();
  machine.protect(DATA, 4096, PAGE.READ | PAGE.WRITE);
  const differences: string[] = [];
  const seen = new Map<string, number>();
  for (let done = 0; done < cases && differences.length < ENOUGH; done += BATCH) {
    const batch: { case: NativeCase; instruction: Instruction }[] = [];
    while (batch.length < BATCH) {
      const made = randomCase(random);
      if (made === undefined) continue;
      if (isOurs(made.instruction) && !isUndefinedResult(made)) batch.push(made);
      else made.instruction.free();
    }
    const steps = machine.compile(batch.map(({ instruction }) => stepFunction(meaningOf(instruction)!)));
    const results = runNative(batch.map((each) => each.case));
    for (const [index, { case: one, instruction }] of batch.entries()) {
      const name = Mnemonic[instruction.mnemonic]!;
      seen.set(name, (seen.get(name) ?? 0) + 1);
      const difference = differenceOf(
        instruction,
        one,
        results[index]!,
        simulate(machine, steps[index]!, one),
      );
      if (difference !== undefined) differences.push(difference);
    }
    for (const { instruction } of batch) instruction.free();
  }
  machine.dispose();
  return { differences, seen };
}

function differenceOf(
  instruction: Instruction,
  one: NativeCase,
  result: NativeResult,
  said: ReturnType<typeof simulate>,
): string | undefined {
  // Stores of the x87 with an unmasked exception (docs/machine.md).
  if (said.trap === 'unsupported') return undefined;
  const tolerance = toleranceOf(instruction, one);
  const [wanted, got] = [fields(result, tolerance), fields(said, tolerance)];
  const wrong = Object.keys(wanted).filter(
    (name) => wanted[name] !== got[name] && !tolerance.near(name, wanted[name]!, got[name] ?? ''),
  );
  if (wrong.length === 0) return undefined;
  const before = Object.entries(fields({ ...one, signal: undefined }, EXACT)).filter(
    ([name]) => !name.startsWith('data') || wrong.includes(name),
  );
  return [
    `${instruction.toString()} [${Buffer.from(one.code).toString('hex')}] before: ${before.map((part) => part.join('=')).join(' ')}`,
    ...wrong.map((name) => `${name}: native ${wanted[name]}, ours ${got[name]}`),
  ].join('\n  ');
}

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
  tolerance: Tolerance,
): Record<string, string> {
  if (signal !== undefined) return { signal: `${signal}` };
  return {
    signal: 'none',
    went: went ?? '',
    ...Object.fromEntries(registers.map((value, index) => [GENERAL_NAMES[index], value.toString(16)])),
    flags: (flags & tolerance.flags).toString(16),
    ...floatFields(fx, tolerance),
    ...Object.fromEntries(
      Array.from({ length: DATA_SIZE / 16 }, (_, n) => [
        `data+${16 * n}`,
        Buffer.from(data.subarray(16 * n, 16 * n + 16)).toString('hex'),
      ]),
    ),
  };
}

/** x87, MXCSR and xmm0..15 of what fxsave wrote. */
function floatFields(fx: Uint8Array, tolerance: Tolerance): Record<string, string> {
  const view = new DataView(fx.buffer, fx.byteOffset, fx.length);
  const word = (at: number): string => view.getBigUint64(at, true).toString(16).padStart(16, '0');
  return {
    x87: `${view.getUint16(0, true).toString(16)} ${(view.getUint16(2, true) & tolerance.status).toString(16)}`,
    valid: fx[4]!.toString(2).padStart(8, '0'),
    ...Object.fromEntries(
      Array.from({ length: 8 }, (_, n) => [
        `st${n}`,
        `${view.getUint16(40 + 16 * n, true).toString(16)} ${word(32 + 16 * n)}`,
      ]),
    ),
    mxcsr: (view.getUint32(24, true) & tolerance.mxcsr).toString(16),
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
