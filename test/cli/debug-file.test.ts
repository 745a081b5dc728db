import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT, rseqlab } from './command.js';

const FIXTURES = join(ROOT, 'test/fixtures/debug');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rseqlab-debug-'));
  copyFileSync(join(FIXTURES, 'gap.so'), join(folder, 'gap.so'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const check = (...options: string[]): string =>
  rseqlab(['check', '--rule', 'arming-gap', ...options, join(folder, 'gap.so')]).stdout;

const NAMED = /bad-1\.s:14: error: .*\(in increment\)/;

it('names function and line of a stripped file from the debug file beside it', () => {
  copyFileSync(join(FIXTURES, 'gap.so.debug'), join(folder, 'gap.so.debug'));
  expect(check()).toMatch(NAMED);
});

it('finds it in .debug and under --debug-dir too', () => {
  mkdirSync(join(folder, '.debug'));
  copyFileSync(join(FIXTURES, 'gap.so.debug'), join(folder, '.debug/gap.so.debug'));
  expect(check()).toMatch(NAMED);
  rmSync(join(folder, '.debug'), { recursive: true });
  const own = join(folder, 'debug');
  mkdirSync(join(own, folder), { recursive: true });
  copyFileSync(join(FIXTURES, 'gap.so.debug'), join(own, folder, 'gap.so.debug'));
  expect(check('--debug-dir', own)).toMatch(NAMED);
});

it('does without it, and still finds the mistake', () => {
  const said = check();
  expect(said).toMatch(/gap\.so:0x[0-9a-f]+: error: .*\[arming-gap\]/);
  expect(said).not.toMatch(/bad-1/);
});

it('does not take a file of the same name that belongs to another build', () => {
  const bytes = readFileSync(join(FIXTURES, 'gap.so.debug'));
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(join(folder, 'gap.so.debug'), bytes);
  expect(check()).not.toMatch(/bad-1/);
});
