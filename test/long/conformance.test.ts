import { describe, expect, it } from 'vitest';
import { MEASURED } from '../conformance/columns.js';
import { listRows } from '../conformance/real.js';
import { runSimulated, type Simulated } from '../conformance/simulated.js';

// Not pct: where a child always goes before its parent, a parent that is asked until nothing interrupts it is asked in vain.
const SCHEDULES: readonly Simulated[] = [1, 2, 4].flatMap((cpus) =>
  [11, 12, 13, 14, 15].map((seed) => ({ kernel: '6.18', schedule: 'random', seed, cpus })),
);

describe('the simulated 6.18 answers the conformance rows as the real one', () => {
  it.each(listRows())('$id', ({ id }) => {
    for (const how of SCHEDULES) {
      const result = runSimulated(id, how);
      // A row about two CPUs says so where there is one.
      if (!result.startsWith('skipped: '))
        expect({ ...how, result }).toEqual({ ...how, result: MEASURED[id] });
    }
  });
});
