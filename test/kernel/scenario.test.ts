import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, rseqlab, withFolder } from '../cli/command.js';

const SEEDS = Array.from({ length: 10 }, (_, seed) => `${seed + 1}`);
const run = (object: string, ...options: string[]) =>
  rseqlab(['run', ...options, `examples/scenario/${object}.o`]);

describe('a scenario of a relocatable object', () => {
  it('holds under every schedule tried where its section is right', () => {
    for (const cpus of ['1', '2', '3'])
      for (const seed of SEEDS) {
        const { status, stderr } = run('counter', '--cpus', cpus, '--seed', seed);
        expect({ cpus, seed, status, stderr }).toEqual({
          cpus,
          seed,
          status: 0,
          stderr: expect.stringMatching(
            /^count: result of counter.o: 200[01]\ncount: no increment is lost: held in this run\n$/,
          ),
        });
      }
  });

  it('fails with exit status 1 where the section is not armed', () => {
    const results = SEEDS.map((seed) => run('lost', '--cpus', '1', '--seed', seed));
    const failed = results.filter(({ status }) => status === 1);
    expect(failed.length).toBeGreaterThan(4);
    expect(failed[0]!.stderr).toMatch(
      /FAILED: .*counter.c:\d+: sum\(\) == 2 \* TIMES \+ arrived does not hold/,
    );
  });

  it('runs the same for the same seed', () => {
    const said = SEEDS.slice(0, 3).map(() => run('lost', '--cpus', '1', '--seed', '3').stderr);
    expect(new Set(said).size).toBe(1);
  });

  it('must exist by the name asked for', () => {
    expect(run('counter', '--scenario', 'other')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/has no scenario other; it has count\n$/),
    });
  });

  const gcc =
    spawnSync('gcc', ['--version']).status === 0 && process.platform === 'linux' && process.arch === 'x64';
  it.skipIf(!gcc)('is an ordinary program with RSEQLAB_NATIVE', () => {
    withFolder((folder) => {
      const program = join(folder, 'counter');
      const source = join(ROOT, 'examples/scenario/counter.c');
      const built = spawnSync('gcc', [
        '-O2',
        `-I${ROOT}/include`,
        '-DRSEQLAB_NATIVE',
        source,
        '-pthread',
        '-o',
        program,
      ]);
      expect(built.status).toBe(0);
      expect(spawnSync(program, ['count', '20'], { encoding: 'utf8' }).stdout).toBe(
        'count: no increment is lost: 20 rounds\n',
      );
    });
  });
});
