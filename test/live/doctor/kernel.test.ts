import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import type { RuleValues } from '../../../src/abi/kernel-rows.js';
import { kernelColumn } from '../../../src/abi/kernel-rules.js';
import { examine } from '../../../src/live/doctor/examine.js';
import { notHere } from '../../../src/live/doctor/probe.js';
import { simulatedPatient } from '../../../src/live/doctor/simulated.js';
import { oneErrorLine, rseqlab } from '../../cli/command.js';

interface Row {
  readonly id: string;
  readonly status: string;
  readonly observed: string | null;
  readonly like: readonly string[];
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../docs/schema/${name}`, import.meta.url), 'utf8'));
const valid = new Ajv({ allErrors: true, strict: false }).compile(read('doctor-1.schema.json') as object);

function doctor(...args: string[]) {
  const ran = rseqlab(['doctor', '--format', 'json', ...args]);
  expect(ran.stderr).toBe('');
  const json = JSON.parse(ran.stdout);
  valid(json);
  expect(valid.errors).toBeNull();
  const rows = json.rows as readonly Row[];
  const of = (status: string) => rows.filter((row) => row.status === status).map(({ id }) => id);
  return { status: ran.status, json, rows, broken: of('broken'), skipped: of('skipped') };
}

describe('the arm64 kernels that abort nothing', () => {
  it.each(['6.19', '7.0.13'])('%s is found', (version) => {
    // Since 7.0.10 a signal aborts a section of 32 registered bytes whatever the entry code has noted (seen on arm64's 7.0.13).
    const signal = version === '6.19' ? ['abort.at-the-last'] : [];
    const rows = ['abort.preempt', 'abort.migrate', 'abort.membarrier', 'lazy.cleared', ...signal];
    const arm64 = ['--simulated', '--arch', 'aarch64', '--row', `${rows.join()},register`];
    const ill = doctor(...arm64, '--kernel', version);
    expect(ill.status).toBe(1);
    expect(ill.broken.sort()).toEqual(rows.sort());
  });

  it.each(['6.18', '7.0.14'])('%s is well', (version) => {
    const { status, broken } = doctor(
      '--simulated',
      '--arch',
      'aarch64',
      '--kernel',
      version,
      '--row',
      'abort,lazy',
    );
    expect(broken).toEqual([]);
    expect(status).toBe(0);
  });
});

/** A rule that a simulated kernel breaks, by value; a row that finds it; the kernel. */
const BREAKS: [broken: Partial<RuleValues>, row: string, kernel: string][] = [
  [{ arm64Aborts: false }, 'abort.preempt', '6.18'],
  [{ arm64Aborts: false }, 'abort.preempt-long', '7.1'],
  [{ checksVersion: false }, 'violation.version-1', '6.18'],
  [{ checksSignature: false }, 'violation.signature', '6.18'],
  [{ checksSignature: false }, 'violation.signature', '7.1'],
  [{ noRestartFlags: 'honoured' }, 'violation.cs-flags-1', '6.18'],
  [{ noRestartFlags: 'unchecked' }, 'violation.cs-flags-7', '6.18'],
  [{ unknownFlags: 'ignored' }, 'violation.cs-flags-80', '6.18'],
  [{ kernelFields: 'enforced' }, 'fields.write-long-migrated', '7.0'],
  [{ kernelFields: 'stale' }, 'fields.write-long-migrated', '7.1'],
  [{ evaluation: 'interrupted-only' }, 'lazy.in-a-call', '6.18'],
  [{ evaluation: 'every-switch' }, 'lazy.in-a-call', '6.19'],
  [{ featureSize: 20 }, 'auxv.feature-size', '6.18'],
  [{ requiredAlign: 64 }, 'auxv.align', '6.18'],
  [{ sliceExtension: true }, 'slice.yield', '6.18'],
  [{ registrationClearsRseqCs: false }, 'register.clears-nonsense', '6.18'],
  [{ unregisterCpuIdStart: -1 }, 'unregister.values', '6.18'],
];

describe('a kernel that breaks a promise', () => {
  it.each(BREAKS)('%j: %s', async (broken, row, version) => {
    const of = async (ill: Partial<RuleValues>) => {
      const kernel = simulatedPatient({ version, debug: false, arch: 'x86-64', broken: ill });
      const { rows } = await examine(kernel, {
        version: 'test',
        promises: version,
        debug: false,
        only: [row],
      });
      return rows.map(({ status }) => status);
    };
    expect(await of({})).toEqual(['kept']);
    expect(await of(broken)).toEqual(['broken']);
  });

  it('is found by the command', () => {
    const { status, stdout } = rseqlab([
      'doctor',
      '--simulated',
      '--break',
      'checksSignature=false',
      '--brief',
    ]);
    expect(status).toBe(1);
    expect(stdout).toContain('BROKEN  violation.signature');
    expect(stdout).toContain('broken sections go unnoticed');
  });
});

const reason = notHere();
describe.skipIf(reason !== undefined)(
  `the kernel underneath${reason === undefined ? '' : `: ${reason}`}`,
  () => {
    it('keeps its promises', ({ skip }) => {
      const { status, json, rows, broken } = doctor();
      skip(json.refused !== null, json.refused);
      expect(rows.filter(({ id }) => broken.includes(id))).toEqual([]);
      expect(status).toBe(0);
      expect(json.kernel).toMatchObject({
        world: 'real',
        release: release(),
        column: kernelColumn(release()),
      });
      expect(json.counts.kept + json.counts.skipped).toBe(rows.length);
    });

    it('does not keep those of another version, and it is said whose it keeps', ({ skip }) => {
      const { status, json, broken, rows } = doctor('--kernel', '4.18', '--row', 'register,auxv');
      skip(json.refused !== null, json.refused);
      skip(kernelColumn(release()) === '4.18', 'this is one of the first kernels');
      expect(status).toBe(1);
      expect(broken).toContain('register.length-33');
      expect(rows.find(({ id }) => id === 'register.length-33')?.like).toContain('6.18');
    });

    it('is not asked twice about what could not be run', () => {
      const { status, stdout } = rseqlab(['doctor', '--brief', '--row', 'register.ok,abort.preempt']);
      expect(stdout).toMatch(/promises kept|nothing could be asked/);
      expect([0, 3]).toContain(status);
    });
  },
);

describe('wrong usage', () => {
  it.each([
    [['--simulated', '--break', 'gravity=off'], /no rule that can be broken; those are arm64Aborts/],
    [['--simulated', '--break', 'evaluation=never'], /give evaluation=every-switch or/],
    [['--break', 'checksWrap=false'], /--break is for --simulated/],
    [['--arch', 'aarch64'], /--arch is for --simulated/],
    [['--row', 'abort.gravity'], /there is no such row; they begin with register/],
    [['--simulated', '--kernel', '4.4'], /give 4.18 or newer/],
    [['--kernel', 'new'], /not a kernel version/],
    [['--simulated', '--arch', 'riscv64'], /Allowed choices are x86-64, aarch64/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(['doctor', ...args]))).toMatch(message);
  });
});
