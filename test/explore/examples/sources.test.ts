import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, withFolder } from '../../cli/command.js';
import { COMPILERS, compile } from './compilers.js';
import { EXPECTED } from './manifest.js';
import { runScenario } from './runs.js';

const sourcesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(ROOT, folder, name));
const EXAMPLES = [
  ...sourcesIn('examples/explore'),
  ...['freeze', 'thaw'].map((name) => join(ROOT, 'examples/checkpoint', `${name}.c`)),
];
const BROKEN = [...sourcesIn('test/explore/examples/broken'), ...sourcesIn('test/explore/examples')];
const namesIn = (source: string): string[] =>
  [
    ...new Set(
      EXPECTED.filter(({ object }) => basename(object).split('.')[0] === basename(source, '.c')).map(
        ({ scenario }) => scenario,
      ),
    ),
  ].sort();

describe.skipIf(COMPILERS.length === 0)('the sources (needs a compiler)', () => {
  const cCompilers = COMPILERS.filter((name) => !name.endsWith('++'));
  it.each(cCompilers)('are scenarios that `run` accepts, built by %s', (compiler) => {
    for (const source of [...EXAMPLES, ...BROKEN])
      withFolder((folder) => {
        const object = join(folder, 'scenario.o');
        compile(compiler, '-O2', '-c', source, '-o', object);
        for (const scenario of namesIn(source)) {
          const wrong = runScenario({ object, scenario, cpus: 2, seed: 1, schedule: 'rr' });
          expect({ source, scenario, wrong }).toEqual({ source, scenario });
        }
      });
  });

  // Their mistakes are part of the ABI, or of what the kernel forgives: cached-cpu is right up to 6.18 only.
  const [major, minor] = release().split('.').map(Number) as [number, number];
  const old = major < 6 || (major === 6 && minor <= 18);
  const right = EXAMPLES.filter((path) => !path.includes('-bug') && (old || !path.includes('cached-cpu')));
  it.for(right.map((path) => path.slice(ROOT.length)))(
    'are programs that hold on this kernel: %s',
    (name, { skip }) => {
      withFolder((folder) => {
        const program = join(folder, 'program');
        compile(cCompilers[0]!, '-O2', '-DRSEQLAB_NATIVE', join(ROOT, name), '-pthread', '-o', program);
        for (const scenario of namesIn(name)) {
          const { status, stdout, stderr } = spawnSync(program, [scenario, '100'], {
            encoding: 'utf8',
            timeout: 60_000,
          });
          if (status === 2 && stderr.startsWith('rseq is not registered')) skip(stderr);
          expect({ scenario, status, stdout, stderr }).toMatchObject({
            status: 0,
            stdout: expect.stringContaining(': 100 rounds\n'),
          });
        }
      });
    },
  );

  it('have at most 350 lines', () => {
    for (const source of [...EXAMPLES, ...BROKEN])
      expect(readFileSync(source, 'utf8').split('\n').length).toBeLessThanOrEqual(350);
  });
});
