import { expect, it } from 'vitest';
import { wordMeaning } from '../../src/isa/aarch64/meaning/index.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE, registerOffset, STATE, vectorOffset } from '../../src/machine/state.js';
import { ACCESSES, fill, randomVectors, STRAIGHT, withField } from './aarch64/cases.js';
import { Random } from './random.js';

const CODE = 0x40_0000;
const DATA = 0x50_0000;
const PROGRAMS = 600;

/** The loop counts in x28; x16..x27 and sp lead into the data, and most instructions leave them alone. */
const COUNTER = 28;
const base = (random: Random): number => (random.below(6) === 0 ? 31 : 16 + random.below(12));

/** b.cond, cbz, cbnz, tbz, tbnz over the next word. */
function skip(random: Random): number {
  const kind = random.pick([0x54000000, 0x34000000, 0xb4000000, 0x35000000, 0x36000000, 0x37000000]);
  const noise = kind === 0x54000000 ? random.below(15) : random.below(31);
  const bit = kind >>> 24 >= 0x36 && kind >>> 24 <= 0x37 ? random.below(32) << 19 : 0;
  return (kind | (2 << 5) | noise | bit) >>> 0;
}

/** Most words that are reserved would end the program. */
function straight(random: Random): number {
  for (;;) {
    const word = someWord(random);
    const first = wordMeaning(word, 0n).statements[0];
    if (first?.do !== 'trap' || first.when !== undefined || random.below(50) === 0) return word;
  }
}

function someWord(random: Random): number {
  if (random.below(3) === 0) {
    const row = random.pick(ACCESSES);
    let word = withField(fill(random, row), 9, 5, base(random));
    // ldr of an unsigned offset: a near one.
    if (((word >>> 24) & 0x3b) === 0x39) word = withField(word, 21, 16, 0);
    return withField(word, 4, 0, random.below(16));
  }
  const group = random.pick(STRAIGHT);
  const word = withField(fill(random, random.pick(group)), 4, 0, random.below(16));
  const touches = ((word >>> 25) & 5) === 4;
  return touches ? withField(withField(word, 9, 5, base(random)), 20, 16, random.below(16)) : word;
}

const body = (random: Random, count: number, functions: readonly number[]): (number | { call: number })[] =>
  Array.from({ length: count }, () => {
    const kind = random.below(10);
    if (kind < 2) return skip(random);
    return kind === 2 && functions.length > 0 ? { call: random.pick(functions) } : straight(random);
  });

const RETURN = 0xd65f03c0;

/** A loop of random instructions, jumps over the next one, and calls of functions behind it. */
function randomProgram(random: Random): Uint8Array {
  const functions = Array.from({ length: random.below(4) }, (_, number) => number);
  const parts = body(random, 3 + random.below(14), functions);
  // A jump over the last one leads to a nop.
  parts.push(0xd503201f);
  // subs x28, x28, #1; b.ne start; brk #0
  parts.push(
    0xf1000400 | (COUNTER << 5) | COUNTER,
    (0x54000001 | ((-(parts.length + 1) & 0x7ffff) << 5)) >>> 0,
    0xd4200000,
  );
  const starts: number[] = [];
  for (const _ of functions) {
    starts.push(parts.length);
    parts.push(...body(random, 1 + random.below(5), []), 0xd503201f, RETURN);
  }
  const words = parts.map((part, at) =>
    typeof part === 'number' ? part : (0x94000000 | ((starts[part.call]! - at) & 0x3ffffff)) >>> 0,
  );
  return new Uint8Array(Uint32Array.from(words).buffer);
}

it('whole regions of AArch64 do what their instructions do one by one, and stop where they are told to', () => {
  const random = new Random(11);
  const machine = new Machine();
  machine.architecture = 'aarch64';
  machine.protect(CODE, 4096, PAGE.READ | PAGE.EXECUTE);
  machine.protect(DATA, 8192, PAGE.READ | PAGE.WRITE);
  let long = 0;
  for (let number = 0; number < PROGRAMS; number++) {
    const program = randomProgram(random);
    const registers = Array.from({ length: 32 }, (_, n) =>
      n >= 16 ? BigInt(DATA + 2048 + 16 * random.below(256)) : random.u64(),
    );
    registers[COUNTER] = BigInt(5 + random.below(40));
    const data = Uint8Array.from({ length: 8192 }, () => random.below(256));
    const vectors = randomVectors(random);
    const budget = random.pick([50, 100 + random.below(400), 2000]);
    const run = (how: 'steps' | 'regions' | 'turns') => {
      machine.poke(CODE, new Uint8Array(4096));
      machine.poke(CODE, program);
      machine.poke(DATA, data);
      machine.raw.fill(0, STATE.monitor, STATE.xmm);
      for (const [register, value] of registers.entries()) machine.setRegister(register, value);
      for (let n = 0; n < 32; n++) machine.raw.set(vectors.subarray(16 * n, 16 * n + 16), vectorOffset(n));
      machine.nzcv = 0;
      machine.rip = BigInt(CODE);
      const cpu = new Cpu(machine, 2, how === 'steps' ? 0 : 2);
      let stop = cpu.run(how === 'turns' ? 0 : budget, how === 'steps');
      if (how === 'turns') {
        let left = budget;
        do {
          const turn = Math.min(left, random.below(40));
          stop = cpu.run(turn);
          left -= turn - machine.budget;
        } while (left > 0 && stop.reason === 'budget');
        machine.setBudget(left, false);
      }
      return {
        stop: stop.reason === 'fault' ? stop.fault.message : stop.reason === 'trap' ? stop.trap : stop.reason,
        pc: machine.rip.toString(16),
        left: machine.budget,
        registers: Array.from({ length: 32 }, (_, n) => machine.register(n).toString(16)),
        nzcv: machine.nzcv,
        rest: Buffer.from(machine.raw.slice(STATE.monitor, registerOffset(16))).toString('hex'),
        vectors: Buffer.from(machine.raw.slice(STATE.moreVectors, STATE.moreVectors + 256)).toString('hex'),
        data: Buffer.from(machine.peek(DATA, 8192)).toString('hex'),
      };
    };
    const wanted = run('steps');
    const text = Buffer.from(program).toString('hex');
    expect(run('regions'), text).toEqual(wanted);
    expect(run('turns'), text).toEqual(wanted);
    if (budget - wanted.left > 40) long++;
  }
  // Programs that fault at once prove little.
  expect(long).toBeGreaterThan(PROGRAMS / 4);
});
