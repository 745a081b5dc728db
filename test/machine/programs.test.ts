import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runProgram } from '../../bench/program.js';
import { readImage } from '../../src/binary/read.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/programs/${name}`, import.meta.url));
const run = (name: string, how?: Parameters<typeof runProgram>[2]) => {
  const { output, status, instructions } = runProgram({ readImage, Machine, Cpu }, fixture(name), how);
  return { output, status, instructions };
};

/** What the programs of test/fixtures/programs print on a processor. */
const OUTPUT = {
  sort: 'ordered 0000000000000001\nsum 86c7305ca653f070\n',
  sha256: 'hash 4735f2fb96276099\nhash 045f63a25d18ebe9\nhash 0ed7790a40092d77\nhash 3164353fdc4b690f\n',
  memory: 'sum f159de3206e69800\n',
  floats:
    'floats 9d4cf1569fcee899\ndoubles fa3554a53cc7780a\nlong doubles 83308a508a81a13d\nspecials 139332ceaa989f05\n',
} as const;

/** The same, but for floats, whose long doubles are others there: what qemu-aarch64 prints. */
const AARCH64 = {
  'sort-aarch64': OUTPUT.sort,
  'sha256-aarch64': OUTPUT.sha256,
  'memory-aarch64': OUTPUT.memory,
  'floats-aarch64': 'floats 78051610eed32ec7\ndoubles 47937172cea5069b\nspecials 4a4da1917ac69a81\n',
} as const;

it.each(Object.entries({ ...OUTPUT, ...AARCH64 }))(
  '%s prints what it prints on a processor',
  (name, output) => {
    expect(run(name)).toMatchObject({ output, status: 0 });
  },
);

it.each(['sort', 'sort-aarch64'])(
  'the same instructions of %s are counted whether they run in regions, one by one, or in short turns',
  (name) => {
    const translated = run(name);
    expect(run(name, { exact: true })).toEqual(translated);
    expect(run(name, { turn: 50 })).toEqual(translated);
  },
);
