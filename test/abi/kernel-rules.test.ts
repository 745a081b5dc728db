import { describe, expect, it } from 'vitest';
import { KERNEL_ROWS, type RuleName } from '../../src/abi/kernel-rows.js';
import { compareVersions, KERNEL_COLUMNS, kernelRules, ruleValue } from '../../src/abi/kernel-rules.js';

const names = Object.keys(KERNEL_ROWS) as RuleName[];

describe('kernelRules', () => {
  it.each([
    ['4.18', '4.18'],
    ['4.19.249', '4.18'],
    ['5.19.17', '4.18'],
    ['6.0.10', '6.0'],
    ['6.2.16', '6.0'],
    ['6.12.1-amd64', '6.3'],
    ['6.18.44-foo', '6.18'],
    ['6.18.44-fc-v595', '6.18'],
    ['6.19-rc1', '6.19'],
    ['7.0', '7.0'],
    ['7.0.9', '7.0'],
    ['7.0.10', '7.1'],
    ['7.0.0-14-generic', '7.0'],
    ['v7.1-rc3', '7.1'],
    ['7.10', '7.1'],
    ['12.0', '7.1'],
  ])('%s follows %s', (version, column) => {
    expect(kernelRules(version).column).toBe(column);
    expect(kernelRules(version).version).toBe(version);
  });

  it.each(['', 'foo', '6', '6.', '6.x', '-6.1', '6,18', '6.18.1.2.3', '99999.1'])('refuses %j', (version) => {
    expect(() => kernelRules(version)).toThrow(RangeError);
    expect(() => kernelRules(version)).toThrow(/not a kernel version/);
  });

  it.each(['4.17.19', '3.10', '2.6.32'])('says that %s has no rseq', (version) => {
    expect(() => kernelRules(version)).toThrow(`Linux ${version} has no rseq: it came with 4.18`);
  });

  it('never steps back as versions grow', () => {
    const versions = [
      '4.18',
      '5.4',
      '5.19',
      '6.0',
      '6.2.99',
      '6.3',
      '6.14',
      '6.15',
      '6.17',
      '6.18',
      '6.19',
      '7.0',
      '7.0.9',
      '7.0.10',
      '7.1',
      '8.0',
    ];
    const at = versions.map((version) => KERNEL_COLUMNS.indexOf(kernelRules(version).column));
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(new Set(at).size).toBe(KERNEL_COLUMNS.length);
    expect([...KERNEL_COLUMNS].sort(compareVersions)).toEqual(KERNEL_COLUMNS);
  });

  it('tells the kernels apart as the sources do', () => {
    expect(['5.19', '6.0', '6.18', '6.19', '7.1'].map((v) => kernelRules(v).noRestartFlags)).toEqual([
      'honoured',
      'kill',
      'kill',
      'unchecked',
      'unchecked',
    ]);
    expect(['6.2', '6.3', '6.19', '7.0'].map((v) => kernelRules(v).featureSize)).toEqual([20, 28, 28, 33]);
    expect(['6.2', '6.18', '7.0'].map((v) => kernelRules(v).requiredAlign)).toEqual([32, 32, 64]);
    expect(['6.18', '6.19', '7.0', '7.1'].map((v) => kernelRules(v).unregisterCpuIdStart)).toEqual([
      0, -1, -1, 0,
    ]);
    expect(['6.18', '6.19', '7.0', '7.1'].map((v) => kernelRules(v, { arch: 'aarch64' }).aborts)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(kernelRules('6.19', { arch: 'x86-64' }).aborts).toBe(true);
    expect(kernelRules('6.18')).toMatchObject({
      checksVersion: true,
      checksFlags: true,
      checksAbortInside: true,
      checksWrap: true,
      syscallInSection: 'unnoticed',
      printsSignature: true,
      kernelFields: 'overwritten',
    });
    expect(kernelRules('6.19')).toMatchObject({
      checksVersion: false,
      checksFlags: false,
      checksAbortInside: false,
      checksWrap: false,
      checksSignature: true,
      checksAbortIpRange: true,
      printsSignature: false,
      kernelFields: 'stale',
    });
  });

  it('brings the checks back with debugging', () => {
    expect(kernelRules('6.19', { debug: true })).toMatchObject({
      debug: true,
      checksVersion: true,
      checksFlags: true,
      checksAbortInside: true,
      checksWrap: true,
      syscallInSection: 'kill',
      kernelFields: 'enforced',
      noRestartFlags: 'kill',
    });
    expect(kernelRules('4.18', { debug: true }).syscallInSection).toBe('kill');
    expect(kernelRules('4.18', { debug: true }).noRestartFlags).toBe('honoured');
  });

  it('decides the mode of 7.1 by the registered length', () => {
    expect(kernelRules('7.1')).toMatchObject({ kernelFields: 'enforced-if-v2', evaluation: 'by-length' });
    expect(kernelRules('7.1', { length: 32 })).toMatchObject({
      kernelFields: 'overwritten',
      evaluation: 'every-switch',
    });
    expect(kernelRules('7.1', { length: 33 })).toMatchObject({
      kernelFields: 'enforced',
      evaluation: 'interrupted-only',
    });
    expect(kernelRules('7.1', { length: 32, debug: true }).kernelFields).toBe('enforced');
    expect(kernelRules('7.0', { length: 32 }).kernelFields).toBe('stale');
  });
});

describe('rows', () => {
  it.each(names)('%s: starts at 4.18, ascends, changes something each time, has a source', (name) => {
    const row = KERNEL_ROWS[name];
    expect(row.source).not.toBe('');
    expect(row.text).not.toBe('');
    expect(row.changes[0]?.[0]).toBe('4.18');
    for (const list of [row.changes, row.debug ?? []]) {
      const at = list.map(([since]) => KERNEL_COLUMNS.indexOf(since));
      expect(at).toEqual([...new Set(at)].sort((a, b) => a - b));
    }
    for (const [i, [, value]] of row.changes.entries()) expect(value).not.toBe(row.changes[i - 1]?.[1]);
  });

  it('has no column without a change, but for the measured one', () => {
    const idle = KERNEL_COLUMNS.slice(1).filter((column) =>
      names.every(
        (name) =>
          ![...KERNEL_ROWS[name].changes, ...(KERNEL_ROWS[name].debug ?? [])].some(
            ([since]) => since === column,
          ),
      ),
    );
    expect(idle).toEqual(['6.18']);
    expect(ruleValue('featureSize', '6.18')).toBe(28);
  });
});
