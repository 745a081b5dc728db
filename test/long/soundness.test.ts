import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EXPECTED } from '../explore/examples/manifest.js';
import { objectOf } from '../explore/examples/runs.js';
import { assemble, assembleAArch64, canAssemble, canAssembleAArch64 } from '../explore/soundness/assemble.js';
import { hold } from '../explore/soundness/campaign.js';
import { ALL, NONE } from '../explore/soundness/explored.js';
import { scenario } from '../explore/soundness/programs.js';
import { scenarioAArch64 } from '../explore/soundness/programs-aarch64.js';

const CASES = Number(process.env['CASES'] ?? 300);
const SEED = Number(process.env['SEED'] ?? 1);
const OUT = process.env['OUT'];

const X86_64 = { programs: scenario, made: canAssemble && assemble } as const;
const AARCH64 = { programs: scenarioAArch64, made: canAssembleAArch64 && assembleAArch64 } as const;
const MEMORIES = [
  ['x86-64, sc', X86_64, {}],
  ['x86-64, tso', X86_64, { storeBuffer: 3 }],
  ['AArch64', AARCH64, {}],
] as const;

it.for(MEMORIES)(
  'random scenarios, %s: every way to explore, and runs',
  async ([, { programs, made }, memory], { skip }) => {
    if (made === false) return skip('there is no assembler');
    const counts: Record<string, number> = {};
    const failed: string[] = [];
    let n = 0;
    for (const each of fc.sample(programs, { numRuns: CASES, seed: SEED })) {
      n++;
      const held = await hold(
        { name: `case ${n}`, bytes: made(each.text), ...each, ...memory },
        { maxStates: 20_000, seeds: 6, jobs: n % 10 === 0 },
      );
      counts[held.outcome] = (counts[held.outcome] ?? 0) + 1;
      counts['states'] = (counts['states'] ?? 0) + held.states;
      counts['ends'] = (counts['ends'] ?? 0) + held.ends;
      counts['runs'] = (counts['runs'] ?? 0) + held.ran;
      counts['ran ends'] = (counts['ran ends'] ?? 0) + held.ranEnds;
      if (held.wrong.length === 0) continue;
      failed.push(`case ${n}: ${held.wrong[0]}`);
      console.log(
        `case ${n} kernel ${each.kernel} debug ${each.debugRseq} cpus ${each.cpus}: ${held.wrong.slice(0, 4).join('\n   ')}`,
      );
      if (OUT)
        writeFileSync(
          `${OUT}/case-${SEED}-${n}.s`,
          `# ${JSON.stringify({ ...each, text: undefined })}\n${held.wrong
            .slice(0, 8)
            .map((w) => `# ${w}\n`)
            .join('')}${each.text}`,
        );
    }
    console.log(JSON.stringify(counts));
    expect(failed).toEqual([]);
  },
);

const shipped = EXPECTED.filter(({ memory }) => memory !== 'tso');

it.each(shipped)('$object $scenario, kernel $kernel: every way to explore, and runs', async (row) => {
  const { object, scenario, cpus, kernel = '6.18', debugRseq = false } = row;
  const held = await hold(
    { name: object, bytes: objectOf(object), scenario, cpus, kernel, debugRseq },
    { maxStates: 20_000, seeds: 6, jobs: true, combinations: [NONE, ALL] },
  );
  expect(held.wrong).toEqual([]);
});
