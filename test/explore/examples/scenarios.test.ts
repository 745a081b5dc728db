import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../../src/binary/read.js';
import { scenariosOf } from '../../../src/kernel/scenario/parts.js';
import { ROOT } from '../../cli/command.js';
import { EXPECTED, type Expected } from './manifest.js';
import { objectOf, runScenario } from './runs.js';

const OBJECTS = 'test/explore/examples/objects';
const shipped = [
  ...['examples/explore', 'examples/checkpoint'].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.o'))
      .map((name) => `${folder}/${name}`),
  ),
  ...readdirSync(join(ROOT, OBJECTS))
    .filter((name) => name.endsWith('.gz'))
    .map((name) => `${OBJECTS}/${name}`),
];
const scenarios = (object: string) =>
  scenariosOf(readImage(objectOf(object), object, { ownPages: true })).map(({ name }) => name);
const settings = ({ object, scenario, kernel, debugRseq }: Expected) => ({
  object,
  scenario,
  ...(kernel === undefined ? {} : { kernel }),
  ...(debugRseq === undefined ? {} : { debugRseq }),
});

describe('the shipped objects', () => {
  it('are those of the table, and have its scenarios', () => {
    expect([...new Set(EXPECTED.map(({ object }) => object))].sort()).toEqual(shipped.sort());
    for (const { object, scenario } of EXPECTED) expect(scenarios(object)).toContain(scenario);
  });

  it('were built from the sources as they are: else run build.sh of examples/explore, examples/checkpoint and test/explore/examples/build.sh', () => {
    const lines = readFileSync(join(ROOT, OBJECTS, 'sources.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    for (const line of lines) {
      const [sum, path] = line.split(/\s+/) as [string, string];
      const now = createHash('sha256')
        .update(readFileSync(join(ROOT, path)))
        .digest('hex');
      expect({ path, sum: now }).toEqual({ path, sum });
    }
  });
});

describe('right scenarios', () => {
  const right = EXPECTED.filter(({ verdict, memory }) => verdict === 'verified' && memory !== 'tso');
  it.each(right)('hold in twenty runs: $object $scenario, kernel $kernel', (row) => {
    for (let seed = 1; seed <= 20; seed++) {
      const cpus = 1 + (seed % (row.cpus + 1));
      const schedule = seed % 4 === 0 ? 'aborts' : 'restless';
      expect({ seed, wrong: runScenario({ ...settings(row), cpus, seed, schedule }) }).toEqual({ seed });
    }
  });
});

describe('broken scenarios', () => {
  const broken = EXPECTED.filter(({ seen }) => seen !== undefined);
  it.each(broken)('go wrong in some run: $object $scenario, kernel $kernel', (row) => {
    const { cpus, seed } = row.seen!;
    const wrong = runScenario({ ...settings(row), cpus, seed, schedule: 'restless' });
    if (row.says !== undefined) expect(wrong).toContain(row.says);
    else expect(wrong).toBe(row.violation === 'livelock' ? 'horizon' : 'signal 11');
  });
});
