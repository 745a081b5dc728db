import { expect, it } from 'vitest';
import { simulate } from '../kernel/simulated.js';

it.each(['random', 'aborts', 'pct:3'])(
  '1,000 runs with one seed make one stream of events: %s',
  (schedule) => {
    const hashes = new Set<string>();
    for (let n = 0; n < 1000; n++)
      hashes.add(simulate({ program: 'examples/run/counter', arguments: [], schedule, seed: 11 }).hash);
    expect(hashes.size).toBe(1);
  },
);
