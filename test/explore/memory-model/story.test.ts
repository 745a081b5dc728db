import { describe, expect, it } from 'vitest';
import { exploreFile } from '../../../src/explore/api.js';
import { ExploreError, type ExploreOptions } from '../../../src/explore/options.js';
import { differenceIn, Retelling } from '../../../src/explore/retelling.js';
import { counterexampleOf, readTrace } from '../../../src/explore/trace.js';
import { objectOf } from '../examples/runs.js';

const PATH = 'test/explore/examples/objects/litmus.o.gz';
const noLines = () => undefined;

const explore = (scenario: string, options: ExploreOptions = { memory: 'tso' }) =>
  exploreFile(
    { path: PATH, bytes: objectOf(PATH) },
    { scenario, ...options },
    { lines: noLines, version: '0.0.0' },
  );

describe('a counterexample with store buffers', () => {
  it('says which store waited, and when it reached memory', async () => {
    const { trace } = await explore('n6');
    const { rows, explanation } = counterexampleOf(trace!);
    const ofX = rows.flatMap(({ kind, task, place, changes, reads }) =>
      [...changes, ...(reads ?? [])].flatMap((each) =>
        each.name === 'x'
          ? [
              `${trace!.document.results[0]!.tasks[task]!.name} ${kind} ${place.replace(/.*task_/, '')} ${'after' in each ? `${each.kind} ${each.before} ${each.after}` : `reads ${each.value}`}`,
            ]
          : [],
      ),
    );
    expect(ofX.sort()).toEqual([
      'p0 execute p0 buffer 0x0 0x1',
      'p0 execute p0+0xb reads 0x1',
      'p0 flush p0 memory 0x2 0x1',
      'p1 execute p1+0xb buffer 0x0 0x2',
      'p1 flush p1+0xb memory 0x0 0x2',
    ]);
    expect(explanation).toBe(
      'task p0 stored x at rseqlab_n6_task_p0, and the store waited in its store buffer; meanwhile task p1 stored it at rseqlab_n6_task_p1+0xb',
    );
  });

  it('says that an increment was lost', async () => {
    const { trace } = await explore('inc');
    expect(counterexampleOf(trace!).explanation).toMatch(
      /^task (adder\.\d) read x at (\S+) and stored it at \2; in between task (?!\1)adder\.\d stored it at \2,/,
    );
  });

  it('happens again from its trace, forth and back', async () => {
    const { trace: made } = await explore('sb');
    const trace = readTrace(JSON.stringify(made), 'sb.json');
    const telling = new Retelling(trace, noLines);
    expect(differenceIn(trace, telling)).toBeUndefined();
    const { rows } = counterexampleOf(trace);
    const first = rows.findIndex(({ kind }) => kind === 'flush');
    telling.goTo(first - 1);
    const { tasks, memory } = telling.moment();
    const { task, changes } = rows[first]!;
    const [{ name, before, after }] = changes as [(typeof changes)[number]];
    expect(tasks[task]!.waits![0]).toEqual({ name, before, now: after });
    expect(memory).toContainEqual({ name, value: before });
    expect(telling.next()).toEqual(rows[first]);
    expect(telling.moment().memory).toContainEqual({ name, value: after });
  });
});

describe('a verdict with store buffers', () => {
  it('says under which assumptions', async () => {
    const [sc, tso, small] = await Promise.all(
      [{}, { memory: 'tso' }, { memory: 'tso', storeBuffer: 1 }].map(async (options) => {
        const { document } = await explore('mp', options as ExploreOptions);
        const [{ verdict, options: asked, assumptions }] = document.results as [
          (typeof document.results)[number],
        ];
        expect(verdict).toBe('verified');
        const { memory, storeBuffer } = asked;
        return {
          memory,
          storeBuffer,
          said: assumptions.filter((each) => /stores? buffer|consistency/.test(each)).join('\n'),
        };
      }),
    );
    expect(sc).toMatchObject({
      memory: 'sc',
      said: expect.stringMatching(/^[^\n]*sequential consistency[^\n]*$/),
    });
    expect(sc!.storeBuffer).toBeUndefined();
    expect(tso).toMatchObject({ memory: 'tso', storeBuffer: 8, said: expect.stringContaining('x86-TSO') });
    expect(tso!.said).toContain('holds 8 stores (--store-buffer); never were there more than 2');
    expect(small!.said).toContain(
      'holds 1 stores (--store-buffer): with more waiting, the next store waits too',
    );
  });

  it.each([
    [{ storeBuffer: 4 }, /memory: tso/],
    [{ memory: 'tso', storeBuffer: 0 }, /from 1 to 64/],
    [{ memory: 'pso' }, /sc, tso/],
  ])('%j is refused', async (options, says) => {
    const refused = explore('mp', options as ExploreOptions);
    await expect(refused).rejects.toThrow(ExploreError);
    await expect(refused).rejects.toThrow(says);
  });
});
