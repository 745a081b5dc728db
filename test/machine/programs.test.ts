import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { runProgram } from './programs.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/programs/${name}`, import.meta.url));

/** What the programs of test/fixtures/programs print on a processor. */
const OUTPUT = {
  sort: 'ordered 0000000000000001\nsum 86c7305ca653f070\n',
  sha256: 'hash 4735f2fb96276099\nhash 045f63a25d18ebe9\nhash 0ed7790a40092d77\nhash 3164353fdc4b690f\n',
  memory: 'sum f159de3206e69800\n',
} as const;

it.each(Object.entries(OUTPUT))('%s prints what it prints on a processor', (name, output) => {
  const translated = runProgram(fixture(name), false);
  expect(translated).toMatchObject({ output, status: 0 });
});

it('the same instructions are counted whether they run in regions or one by one', () => {
  const [translated, stepped] = [runProgram(fixture('sort'), false), runProgram(fixture('sort'), true)];
  expect(stepped).toEqual(translated);
});
