import { readFileSync } from 'node:fs';
import { readImage } from '../../src/binary/read.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PAGE, PAGE_SIZE } from '../../src/machine/state.js';

/** What became of a program, and how many instructions it took. */
export interface Ran {
  readonly output: string;
  readonly status: number;
  readonly instructions: number;
}

const STACK = 0x7000_0000;
const STACK_SIZE = 0x10_0000;
const WRITE = 1;
const EXIT_GROUP = 231;

/** Runs a static program that makes two system calls only: write and exit_group. Throws where it does anything else. */
export function runProgram(file: string, exact: boolean): Ran {
  const image = readImage(readFileSync(file), file);
  const machine = new Machine();
  for (const { start, size, bytes, writable } of image.regions) {
    const first = Math.floor(start / PAGE_SIZE) * PAGE_SIZE;
    const end = Math.ceil((start + size) / PAGE_SIZE) * PAGE_SIZE;
    machine.protect(first, end - first, PAGE.READ | PAGE.EXECUTE | (writable ? PAGE.WRITE : 0));
    machine.poke(start, bytes);
  }
  machine.protect(STACK, STACK_SIZE, PAGE.READ | PAGE.WRITE);
  machine.setRegister(4, BigInt(STACK + STACK_SIZE - 16));
  machine.rip = BigInt(image.header.entry);
  const cpu = new Cpu(machine);
  const limit = 2 ** 50;
  let output = '';
  let instructions = 0;
  for (;;) {
    const stop = cpu.run(limit, exact);
    instructions += limit - Number(machine.budget);
    if (stop.reason !== 'trap' || stop.trap !== 'system-call')
      throw new Error(`${file} stopped at 0x${machine.rip.toString(16)}: ${stop.reason}`);
    const [number, first, second, third] = [0, 7, 6, 2].map((register) => Number(machine.register(register)));
    if (number === EXIT_GROUP) return { output, status: first!, instructions };
    if (number !== WRITE) throw new Error(`${file} made the system call ${number}`);
    output += new TextDecoder().decode(machine.peek(second!, third!));
    machine.setRegister(0, BigInt(third!));
  }
}
