import { expect, it } from 'vitest';
import { describeFailures, fuzz } from '../fuzz/run.js';

/** Behind the seeds of test/fuzz. */
const FROM = 20_000;
const COUNT = 1_000_000;

it('no damaged file of a million crashes or hangs the checker', async () => {
  const started = Date.now();
  const progress = (done: number, failures: number): void => {
    const rate = Math.round((done * 1000) / (Date.now() - started));
    process.stderr.write(`\r${done} of ${COUNT} mutants, ${rate} a second, ${failures} failures `);
  };
  const result = await fuzz({ from: FROM, count: COUNT, progress });
  process.stderr.write('\n');
  expect(describeFailures(result.failures)).toEqual([]);
  expect(result.done).toBe(COUNT);
  expect(result.reported).toBeGreaterThan(COUNT / 3);
});
