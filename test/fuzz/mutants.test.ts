import { expect, it } from 'vitest';
import { describeFailures, fuzz } from './run.js';

/** RSEQLAB_SEED=N judges that one mutant only. */
const only = process.env['RSEQLAB_SEED'];
const range = only === undefined ? { from: 0, count: 20_000 } : { from: Number(only), count: 1 };

it('no damaged file crashes or hangs the checker', async () => {
  const result = await fuzz(range);
  expect(describeFailures(result.failures)).toEqual([]);
  expect(result.done).toBe(range.count);
  // Damage that is always refused at the door would test the door only.
  if (only === undefined) expect(result.reported).toBeGreaterThan(range.count / 3);
});
