// Runs the programs of test/fixtures/programs without a kernel: for test/machine (on the sources) and bench/machine.js (on what is built).
import { readFileSync } from 'node:fs';

const PAGE_SIZE = 4096;
const STACK = 0x7000_0000;
const STACK_SIZE = 0x10_0000;
const [READ, WRITE, EXECUTE] = [1, 2, 4];
/** By architecture: system calls, the registers of a call's number and its first three arguments, and the stack pointer. */
const ABI = {
  'x86-64': { calls: { write: 1, exit_group: 231 }, registers: [0, 7, 6, 2], stack: 4 },
  aarch64: { calls: { write: 64, exit_group: 94 }, registers: [8, 0, 1, 2], stack: 31 },
};

export function runProgram({ readImage, Machine, Cpu }, file, { exact = false, turn = 2 ** 50 } = {}) {
  const image = readImage(readFileSync(file), file);
  const { calls, registers, stack } = ABI[image.header.architecture];
  const machine = new Machine();
  machine.architecture = image.header.architecture;
  for (const { start, size, bytes, writable } of image.regions) {
    const first = Math.floor(start / PAGE_SIZE) * PAGE_SIZE;
    const end = Math.ceil((start + size) / PAGE_SIZE) * PAGE_SIZE;
    machine.protect(first, end - first, READ | EXECUTE | (writable ? WRITE : 0));
    machine.poke(start, bytes);
  }
  machine.protect(STACK, STACK_SIZE, READ | WRITE);
  machine.setRegister(stack, BigInt(STACK + STACK_SIZE - 16));
  machine.rip = BigInt(image.header.entry);
  const cpu = new Cpu(machine);
  const begin = performance.now();
  let output = '';
  let instructions = 0;
  for (;;) {
    const stop = cpu.run(turn, exact);
    instructions += turn - machine.budget;
    if (stop.reason === 'budget') continue;
    if (stop.reason !== 'trap' || stop.trap !== 'system-call')
      throw new Error(`${file} stopped at 0x${machine.rip.toString(16)}: ${stop.reason}`);
    const [number, first, second, third] = registers.map((register) => Number(machine.register(register)));
    if (number === calls.exit_group) {
      const milliseconds = performance.now() - begin;
      machine.dispose();
      return { output, status: first, instructions, milliseconds };
    }
    if (number !== calls.write) throw new Error(`${file} made the system call ${number}`);
    output += new TextDecoder().decode(machine.peek(second, third));
    machine.setRegister(0, BigInt(third));
  }
}
