import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/command.js';
import { hasNative, nativeCalls, simulatedCalls } from './calls.js';

/** Tables of what programs do and what comes of it: `line -> result`, below a heading. */
const TABLES = 'test/kernel/calls';

interface Case {
  readonly name: string;
  readonly lines: readonly string[];
  /** Each line with its result. */
  readonly expected: readonly string[];
}

function casesOf(table: string): Case[] {
  const [, ...parts] = readFileSync(join(ROOT, TABLES, table), 'utf8').split(/^== /m);
  return parts.map((part) => {
    const [name, ...rest] = part.trimEnd().split('\n');
    const lines = rest.filter((line) => line.trim() !== '');
    return { name: name!, lines: lines.map((line) => line.replace(/ +-> .*/, '')), expected: lines };
  });
}

/** Puts what was printed behind the lines: each prints one, but the beginning of a child. */
function withResults(
  expected: readonly string[],
  lines: readonly string[],
  results: readonly string[],
): string[] {
  const left = [...results];
  const told = lines.map((line, index) => {
    if (line.trim() === 'fork') return line;
    const column = expected[index]!.indexOf(' -> ');
    return `${line.padEnd(column)} -> ${left.shift() ?? '(nothing)'}`;
  });
  return [...told, ...left];
}

describe.each(readdirSync(join(ROOT, TABLES)))('%s', (table) => {
  const cases = casesOf(table);
  it.each(cases)('simulated: $name', ({ lines, expected }) => {
    expect(withResults(expected, lines, simulatedCalls(lines.join('\n')))).toEqual(expected);
  });

  it.skipIf(!hasNative).each(cases)('as the real kernel does: $name', ({ lines, expected }) => {
    expect(withResults(expected, lines, nativeCalls(lines.join('\n')))).toEqual(expected);
  });
});
