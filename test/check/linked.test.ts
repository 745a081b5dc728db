import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { check } from '../../src/check/api.js';
import type { CheckResult } from '../../src/check/check.js';

const CORPUS = fileURLToPath(new URL('../corpus/', import.meta.url));
const LINKED = join(CORPUS, 'linked');

/** What a NAME.expect says of a file, or of one member of an archive; test/corpus/README.md is the grammar. */
interface Part {
  readonly member: string | undefined;
  source: readonly string[];
  readonly expected: Line[];
  readonly allowed: Line[];
}

interface Line {
  readonly rule: string;
  readonly severity: string;
  readonly place: string;
}

function parts(name: string): Part[] {
  const all: Part[] = [{ member: undefined, source: [], expected: [], allowed: [] }];
  for (const text of readFileSync(join(LINKED, `${name}.expect`), 'utf8').split('\n')) {
    const [, key, value] = /^([a-z]+):\s*(.*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) continue;
    if (key === 'member') all.push({ member: value, source: [], expected: [], allowed: [] });
    const part = all.at(-1)!;
    if (key === 'source') part.source = readFileSync(join(CORPUS, value), 'utf8').split('\n');
    if (key === 'expect') part.expected.push(line(value));
    if (key === 'may') part.allowed.push(line(value));
  }
  return all.some(({ member }) => member !== undefined) ? all.slice(1) : all;
}

function line(value: string): Line {
  const [rule, severity, place] = value.split(/\s+/);
  return { rule: rule!, severity: severity!, place: place!.replace(/^@/, '') };
}

const key = ({ rule, severity }: { rule: string; severity: string }): string => `${rule} ${severity}`;

function judge(part: Part, { findings }: CheckResult): void {
  const wanted = part.expected.map(key);
  const known = [...wanted, ...part.allowed.map(key)];
  expect(
    wanted.filter((want) => !findings.map(key).includes(want)),
    'expected, not found',
  ).toEqual([]);
  expect(
    findings
      .filter((finding) => !known.includes(key(finding)))
      .map(({ rule, message }) => `${rule}: ${message}`),
    'found, not expected',
  ).toEqual([]);
  for (const want of part.expected.filter(({ place }) => place === 'marker')) {
    const lines = findings
      .filter((finding) => key(finding) === key(want))
      .map((finding) => finding.line?.line ?? 0);
    const marked = lines.some(
      (at) => /<-- /.test(part.source[at - 1] ?? '') && part.source[at - 1]?.includes(want.rule),
    );
    expect(marked, `${want.rule} at one of the lines ${lines.join(', ')} of its source`).toBe(true);
  }
}

const names = readdirSync(LINKED)
  .filter((name) => name.endsWith('.expect'))
  .map((name) => basename(name, '.expect'));

describe('linked files have the verdict of their .expect', () => {
  it('and every linked file has one', () => {
    const files = readdirSync(LINKED).filter((name) => !/\.(expect|s)$/.test(name));
    expect(files).toEqual(names);
    expect(files.length).toBeGreaterThanOrEqual(8);
  });

  it.each(names)('%s', (name) => {
    const results = check(readFileSync(join(LINKED, name)), name);
    const wanted = parts(name);
    expect(results.map((result) => result.name)).toEqual(
      wanted.map(({ member }) => (member === undefined ? name : `${name}(${member})`)),
    );
    for (const [i, part] of wanted.entries()) judge(part, results[i]!);
  });

  it.each(names)('%s has a section that is found', (name) => {
    for (const { sections } of check(readFileSync(join(LINKED, name)), name))
      expect(sections.length).toBeGreaterThan(0);
  });
});
