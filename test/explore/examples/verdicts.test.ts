import { describe, expect, it } from 'vitest';
import { EXPECTED } from './manifest.js';
import { expectedOf, verdictOf } from './verdicts.js';

/** The others take longer: test/long/explore.test.ts. */
const small = EXPECTED.filter(
  ({ object, scenario, cpus, large }) =>
    !large && cpus < 3 && !/[34]$|three/.test(scenario) && (!object.includes('-cid') || scenario === 'count'),
);

describe('explore says what is so', () => {
  it.each(small)('$object $scenario, kernel $kernel, memory $memory: $verdict', async (row) => {
    expect(await verdictOf(row)).toEqual(expectedOf(row));
  });
});
