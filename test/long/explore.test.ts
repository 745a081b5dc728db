import { describe, expect, it } from 'vitest';
import { EXPECTED } from '../explore/examples/manifest.js';
import { expectedOf, verdictOf } from '../explore/examples/verdicts.js';

describe('explore says what is so, also of large scenarios', () => {
  it.each(EXPECTED)('$object $scenario, kernel $kernel, memory $memory: $verdict', async (row) => {
    expect(await verdictOf(row)).toEqual(expectedOf(row));
  });
});
