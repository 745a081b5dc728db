import { Decoder, DecoderOptions, FlowControl, MemorySize, MemorySizeExt } from 'iced-x86';
import { expect, it } from 'vitest';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE } from '../../src/machine/state.js';
import { readImage, writeImage } from '../../src/machine/x87/image.js';
import { Random, randomBytes } from './random.js';
import { lanes, randomFx } from './random-vectors.js';

/** Where a program is, in which memory. Of a real process: its data lies across 4 GiB, where one page does not follow the other in memory. */
const PLACES = [
  { name: 'below 4 GiB', fold: undefined, CODE: 0x40_0000, DATA: 0x50_0000, PROGRAMS: 2000 },
  { name: 'folded', fold: 0x9e37_7000, CODE: 0x7f12_3456_7000, DATA: 0x7ffd_0000_0000 - 4096, PROGRAMS: 700 },
];

const NOP = Uint8Array.of(0x66, 0x90);
const CALL = 0xe8;
const RETURN = Uint8Array.of(0xc3);

/** Random instructions with a nop behind each; where `functions` are left to call, calls of them, by number, in between. */
function randomBody(random: Random, count: number, functions: readonly number[]): (Uint8Array | number)[] {
  const parts: (Uint8Array | number)[] = [];
  for (let left = count; left > 0; ) {
    if (functions.length > 0 && random.below(4) === 0) {
      parts.push(random.pick(functions));
      left--;
      continue;
    }
    const bytes = randomBytes(random);
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = decoder.decode();
    const jumps =
      instruction.flowControl !== FlowControl.Next &&
      instruction.flowControl !== FlowControl.ConditionalBranch;
    // Most whole vectors in memory, and areas of xsave, which have no size here, would be misaligned, and end the program.
    const { memorySize } = instruction;
    const size = MemorySizeExt.size(memorySize);
    const risky = (size >= 16 || (size === 0 && memorySize !== MemorySize.Unknown)) && random.below(4) > 0;
    const usable = !risky && !instruction.isInvalid && meaningOf(instruction) !== undefined && !jumps;
    const own = bytes.slice(0, instruction.length);
    // Conditional branches go over two bytes, which are a nop of two.
    if (instruction.flowControl === FlowControl.ConditionalBranch)
      own.fill(2, own.length === 2 ? 1 : own.length - 4, own.length === 2 ? 2 : own.length - 3);
    instruction.free();
    decoder.free();
    if (!usable) continue;
    parts.push(own, NOP);
    left--;
  }
  return parts;
}

const sizeOf = (part: Uint8Array | number): number => (typeof part === 'number' ? 5 : part.length);

/** A loop that counts in r15, of random instructions, jumps over the next few, and calls of functions behind it, which call each other. */
function randomProgram(random: Random): Uint8Array {
  const functions = random.below(4);
  const numbers = Array.from({ length: functions }, (_, number) => number);
  const body = randomBody(random, 3 + random.below(12), numbers);
  // dec %r15; jnz start; hlt
  const loop = [0x49, 0xff, 0xcf, 0x0f, 0x85];
  const distance = -(body.reduce<number>((sum, part) => sum + sizeOf(part), 0) + loop.length + 4);
  const parts = [
    ...body,
    Uint8Array.from([...loop, distance & 0xff, (distance >> 8) & 0xff, 0xff, 0xff, 0xf4]),
  ];
  const starts: number[] = [];
  for (const number of numbers) {
    starts.push(parts.reduce<number>((sum, part) => sum + sizeOf(part), 0));
    parts.push(...randomBody(random, 1 + random.below(5), numbers.slice(number + 1)), RETURN);
  }
  const bytes: number[] = [];
  for (const part of parts) {
    if (typeof part === 'number') {
      const to = starts[part]! - bytes.length - 5;
      bytes.push(CALL, to & 0xff, (to >> 8) & 0xff, (to >> 16) & 0xff, (to >> 24) & 0xff);
    } else bytes.push(...part);
  }
  return Uint8Array.from(bytes);
}

it.each(PLACES)(
  'whole regions do what their instructions do one by one, and stop where they are told to: $name',
  ({ fold, CODE, DATA, PROGRAMS }) => {
    const random = new Random(7);
    const machine = new Machine(fold);
    machine.protect(CODE, 8192, PAGE.READ | PAGE.EXECUTE);
    machine.protect(DATA, 8192, PAGE.READ | PAGE.WRITE);
    let long = 0;
    for (let number = 0; number < PROGRAMS; number++) {
      const program = randomProgram(random);
      const registers = Array.from({ length: 16 }, () =>
        random.below(6) > 0
          ? BigInt(DATA + 2048 + (random.below(4096) & random.pick([-1, -16])))
          : random.u64(),
      );
      registers[4] = BigInt(DATA + 4096);
      registers[15] = BigInt(5 + random.below(40));
      const data = Uint8Array.from({ length: 8192 }, () => random.below(256));
      const view = new DataView(data.buffer);
      for (let at = 0; at < 8192; at += 16) view.setBigUint64(at, lanes(random), true);
      const budget = random.pick([50, 100 + random.below(400), 2000]);
      const fx = randomFx(random);
      const run = (how: 'steps' | 'regions' | 'turns') => {
        machine.poke(CODE, new Uint8Array(8192).fill(0xf4));
        machine.poke(CODE, program);
        machine.poke(DATA, data);
        for (const [register, value] of registers.entries()) machine.setRegister(register, value);
        machine.rflags = 0n;
        readImage(machine.view, fx);
        machine.rip = BigInt(CODE);
        const cpu = new Cpu(machine, 2, how === 'steps' ? 0 : 2);
        let stop = cpu.run(how === 'turns' ? 0 : budget, how === 'steps');
        if (how === 'turns') {
          // Turns of random length, as a scheduler gives them.
          let left = budget;
          do {
            const turn = Math.min(left, random.below(40));
            stop = cpu.run(turn);
            left -= turn - machine.budget;
          } while (left > 0 && stop.reason === 'budget');
          machine.setBudget(left, false);
        }
        return {
          stop:
            stop.reason === 'fault' ? stop.fault.message : stop.reason === 'trap' ? stop.trap : stop.reason,
          rip: machine.rip.toString(16),
          left: machine.budget,
          registers: Array.from({ length: 16 }, (_, n) => machine.register(n).toString(16)),
          flags: machine.rflags,
          fx: Buffer.from(writeImage(machine.view)).toString('hex'),
          data: Buffer.from(machine.peek(DATA, 8192)).toString('hex'),
        };
      };
      const wanted = run('steps');
      expect(run('regions'), Buffer.from(program).toString('hex')).toEqual(wanted);
      expect(run('turns'), Buffer.from(program).toString('hex')).toEqual(wanted);
      if (budget - Number(wanted.left) > 40) long++;
    }
    // Programs that fault at once prove little.
    expect(long).toBeGreaterThan(PROGRAMS / 12);
  },
);
