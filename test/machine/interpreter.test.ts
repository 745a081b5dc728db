import { expect, it } from 'vitest';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { TRAPS } from '../../src/machine/imports.js';
import { Interpreter } from '../../src/machine/interpreter.js';
import { Machine } from '../../src/machine/machine.js';
import { PageFault } from '../../src/machine/page-fault.js';
import { PAGE } from '../../src/machine/state.js';
import { stepFunction } from '../../src/machine/step-code.js';
import { readImage, writeImage } from '../../src/machine/x87/image.js';
import { CODE, DATA, DATA_SIZE, type NativeCase } from './native.js';
import { Random, randomCase } from './random.js';

const CASES = 10_000;

it('the interpreter does what translated steps do', () => {
  const random = new Random(3);
  const machine = new Machine();
  machine.protect(DATA, 4096, PAGE.READ | PAGE.WRITE);
  const interpreter = new Interpreter(machine);
  let interpreted = 0;
  for (let done = 0; done < CASES; ) {
    const batch = Array.from({ length: 500 }, () => randomCase(random)).filter((each) => each !== undefined);
    const cases = batch.flatMap(({ case: one, instruction }) => {
      const meaning = meaningOf(instruction);
      return meaning === undefined ? [] : [{ one, meaning, text: instruction.toString() }];
    });
    const steps = machine.compile(cases.map(({ meaning }) => stepFunction(meaning)));
    for (const [index, { one, meaning, text }] of cases.entries()) {
      const got = outcome(machine, one, () => {
        const out = interpreter.run(BigInt(CODE), meaning);
        interpreter.finish();
        return out;
      });
      if (got.out === 'unsupported') {
        expect({ ...got, out: '' }, text).toEqual({ ...before(machine, one), out: '' });
        continue;
      }
      interpreted++;
      const wanted = outcome(machine, one, () => {
        const result = steps[index]!();
        return result === 0 ? 'done' : TRAPS[result - 1]!;
      });
      expect(got, text).toEqual(wanted);
    }
    done += cases.length;
    for (const { instruction } of batch) instruction.free();
  }
  expect(interpreted).toBeGreaterThan(CASES / 2);
});

const before = (machine: Machine, one: NativeCase) => outcome(machine, one, () => '');

/** The state after something is done to that of a case. */
function outcome(machine: Machine, one: NativeCase, run: () => string) {
  for (const [number, value] of one.registers.entries()) machine.setRegister(number, value);
  machine.rflags = one.flags;
  machine.rip = BigInt(CODE);
  machine.write(DATA, one.data);
  readImage(machine.view, one.fx);
  let out: string;
  try {
    out = run();
  } catch (error) {
    if (!(error instanceof PageFault)) throw error;
    out = error.message;
  }
  return {
    out,
    rip: machine.rip,
    registers: Array.from({ length: 16 }, (_, number) => machine.register(number)),
    flags: machine.rflags,
    data: Buffer.from(machine.read(DATA, DATA_SIZE)).toString('hex'),
    fx: Buffer.from(writeImage(machine.view)).toString('hex'),
  };
}
