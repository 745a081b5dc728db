import { describe, expect, it } from 'vitest';
import type {
  FileFacts,
  ProcessFacts,
  ProgramFacts,
  RegistrationFacts,
} from '../../../src/live/doctor/program/facts.js';
import { judge } from '../../../src/live/doctor/program/judge.js';

const SIGNATURE = 0x53053053;
const WRITER: FileFacts = {
  name: 'libslabs.so',
  architecture: 'x86-64',
  sections: 3,
  signatures: [SIGNATURE],
  area: 'unknown',
  writes: ['push+0x4'],
  offences: () => [],
};
const registration = (more: Partial<RegistrationFacts> = {}): RegistrationFacts => ({
  threads: 4,
  address: 0x7f0000000040n,
  length: 32,
  signature: SIGNATURE,
  byGlibc: true,
  owner: 'glibc',
  ...more,
});
const facts = (file: Partial<FileFacts>, process: Partial<ProcessFacts>): ProgramFacts => ({
  name: 'server',
  files: [{ ...WRITER, ...file }],
  looked: 5,
  notes: [],
  process: {
    pid: 1,
    threads: 4,
    registrations: [registration()],
    unregistered: 0,
    unknown: 0,
    glibc: { version: '2.36', size: 20 },
    tunables: undefined,
    ...process,
  },
});
const on = (program: ProgramFacts, version: string, debug = false) => judge(program, version, debug)[0]!;
const statuses = (program: ProgramFacts) =>
  ['6.18', '6.19', '7.1'].map((version) => on(program, version).status);

describe('who registers how many bytes', () => {
  it('glibc before 2.41 registers 32 everywhere', () => {
    expect(statuses(facts({ area: 'glibc' }, {}))).toEqual(['runs', 'breaks', 'runs']);
  });

  it('glibc 2.41 registers what the kernel has: 33 since 7.0, so that 7.1 enforces', () => {
    const program = facts({ area: 'glibc' }, { glibc: { version: '2.41', size: 28 } });
    expect(statuses(program)).toEqual(['runs', 'breaks', 'breaks']);
    expect(on(program, '7.1').reasons[0]?.text).toContain('V2');
  });

  it('whoever else registers the same everywhere, and may be refused', () => {
    const own = registration({ byGlibc: false, owner: 'slabs', length: 40, address: 0x7f0000000020n });
    const program = facts({ writes: [] }, { registrations: [own] });
    expect(['6.2', '6.18', '7.1'].map((version) => on(program, version).status)).toEqual([
      'depends',
      'runs',
      'depends',
    ]);
  });

  it('that is not known of some thread: it depends', () => {
    const program = facts({}, { registrations: [], unknown: 4 });
    expect(statuses(program)).toEqual(['runs', 'breaks', 'depends']);
  });
});

describe('what is not used does no harm', () => {
  it('where glibc has the registration, and the library an area of its own', () => {
    const program = facts({ area: 'own' }, {});
    expect(statuses(program)).toEqual(['runs', 'runs', 'runs']);
    expect(on(program, '6.19').reasons[0]?.text).toContain('glibc has the registration');
  });

  it('where nobody has registered', () => {
    expect(statuses(facts({}, { registrations: [], unregistered: 4 }))).toEqual(['runs', 'runs', 'runs']);
  });
});

describe('fixes', () => {
  const own = registration({ byGlibc: false, owner: '__rseq_abi' });
  it('glibc first, where a library registers by itself', () => {
    expect(on(facts({ area: 'own' }, { registrations: [own] }), '6.19').reasons[0]?.fix).toContain(
      'glibc.pthread.rseq=1',
    );
  });
  it('no registration, where it uses that of glibc', () => {
    expect(on(facts({ area: 'glibc' }, {}), '6.19').reasons[0]?.fix).toContain('glibc.pthread.rseq=0');
  });
  it('no tunable where there is no such glibc', () => {
    const program = facts({ area: 'own' }, { registrations: [own], glibc: undefined });
    expect(on(program, '6.19').reasons[0]?.fix).not.toContain('TUNABLES');
  });
});

describe('signatures', () => {
  it('other than the registered one kill', () => {
    const verdict = on(facts({ writes: [], signatures: [SIGNATURE, 0x1234] }, {}), '7.1');
    expect(verdict).toMatchObject({ status: 'breaks', reasons: [{ cause: 'signature' }] });
    expect(verdict.reasons[0]?.text).toContain('0x1234');
  });
});

describe('debugging', () => {
  it('kills on 6.19 whatever the length', () => {
    expect(on(facts({ area: 'glibc' }, {}), '6.19', true)).toMatchObject({ status: 'breaks', debug: true });
    expect(on(facts({ area: 'glibc' }, {}), '6.15', true)).toMatchObject({ status: 'runs' });
  });
});
