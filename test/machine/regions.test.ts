import { Decoder, DecoderOptions, FlowControl, MemorySizeExt } from 'iced-x86';
import { expect, it } from 'vitest';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE } from '../../src/machine/state.js';
import { readImage, writeImage } from '../../src/machine/x87/image.js';
import { Random, randomBytes } from './random.js';
import { lanes, randomFx } from './random-vectors.js';

const CODE = 0x40_0000;
const DATA = 0x50_0000;
const PROGRAMS = 1500;

/** A loop of random instructions, jumps over the next few among them, that counts in r15. */
function randomProgram(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let count = 3 + random.below(12); count > 0; ) {
    const bytes = randomBytes(random);
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    const instruction = decoder.decode();
    const jumps =
      instruction.flowControl !== FlowControl.Next &&
      instruction.flowControl !== FlowControl.ConditionalBranch;
    // Most whole vectors in memory would be misaligned, and end the program.
    const risky = MemorySizeExt.size(instruction.memorySize) >= 16 && random.below(4) > 0;
    const usable = !risky && !instruction.isInvalid && meaningOf(instruction) !== undefined && !jumps;
    const own = bytes.slice(0, instruction.length);
    // Conditional branches go over two bytes, which are a nop of two.
    if (instruction.flowControl === FlowControl.ConditionalBranch)
      own.fill(2, own.length === 2 ? 1 : own.length - 4, own.length === 2 ? 2 : own.length - 3);
    instruction.free();
    decoder.free();
    if (!usable) continue;
    parts.push(own, Uint8Array.of(0x66, 0x90));
    count--;
  }
  const body = parts.flatMap((part) => [...part]);
  // dec %r15; jnz start; hlt
  const loop = [0x49, 0xff, 0xcf, 0x0f, 0x85];
  const distance = -(body.length + loop.length + 4);
  return Uint8Array.from([...body, ...loop, distance & 0xff, (distance >> 8) & 0xff, 0xff, 0xff, 0xf4]);
}

it('whole regions do what their instructions do one by one, and stop where they are told to', () => {
  const random = new Random(7);
  const machine = new Machine();
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
          left -= turn - Number(machine.budget);
        } while (left > 0 && stop.reason === 'budget');
        machine.setBudget(left, false);
      }
      return {
        stop: stop.reason === 'fault' ? stop.fault.message : stop.reason === 'trap' ? stop.trap : stop.reason,
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
  expect(long).toBeGreaterThan(PROGRAMS / 10);
});
