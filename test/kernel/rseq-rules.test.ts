import { describe, expect, it } from 'vitest';
import { violationById } from '../../src/abi/violations.js';
import { RULE_ROWS } from './rseq-rules.js';
import { runSituation, through } from './rseq-told.js';

describe.each(RULE_ROWS)('$rule', ({ rows, source }) => {
  it.each(rows)('$name $how $length $script', ({ is, ...situation }) => {
    expect(source).not.toBe('');
    expect(through(situation)).toBe(is);
  });
});

const INSIDE = 'until @plain_mid 1000\npreempt';

describe('what the kernel says', () => {
  it('is the rule, the section and where the thread was', () => {
    const { events } = runSituation({ name: 'plain', how: 'version', script: INSIDE }, '6.18', false);
    const violation = events.find(({ kind }) => kind === 'violation');
    expect(violation).toMatchObject({
      rule: 'version',
      message: expect.stringContaining('version is 1'),
      ip: expect.any(BigInt),
      startIp: expect.any(BigInt),
      abortIp: expect.any(BigInt),
    });
    expect(violationById('version').mend).not.toBe('');
  });

  it('goes to its log where a kernel logs: signature up to 6.18, flags from 6.0, fields with debug from 6.15', () => {
    const logs = (how: string, version: string, debug = false, name = 'plain'): string[] =>
      runSituation(
        { name, how, script: name === 'plain' ? INSIDE : 'until @elsewhere 1000\npreempt' },
        version,
        debug,
      ).events.flatMap((event) => (event.kind === 'log' ? event.text : []));
    expect(logs('signature', '6.18')).toEqual([
      expect.stringMatching(/^Possible attack attempt\. Unexpected/),
    ]);
    expect(logs('signature', '6.19')).toEqual([]);
    expect(logs('flag-preempt', '6.18')).toEqual(['Deprecated flags (1) in rseq_cs ABI structure']);
    expect(logs('flag-unknown', '6.18')).toEqual(['Unknown flags (128) in rseq_cs ABI structure']);
    expect(logs('area-flags', '6.18')).toEqual(['Deprecated flags (7) in rseq ABI structure']);
    expect(logs('cpu_id_start', '6.18', true, 'write-field')).toEqual([
      expect.stringContaining('\tcpu_id_start: 77 ?= 0'),
    ]);
    expect(logs('cpu_id_start', '6.3', true, 'write-field')).toEqual([]);
  });
});
