import { describe, expect, it } from 'vitest';
import {
  explainRegistration,
  REGISTRATION_ROWS,
  type RegistrationContext,
  type RegistrationRequest,
} from '../../src/abi/registration.js';

const SIG = 0x5305_3053;
const AREA = 0x7f00_0000_1000n;
const REGISTERED = { address: AREA, length: 32, signature: SIG };

function explain(request: Partial<RegistrationRequest>, context: Partial<RegistrationContext> = {}): string {
  const row = explainRegistration(
    { address: AREA, length: 32, flags: 0, signature: SIG, ...request },
    { version: '6.18', ...context },
  );
  return row === undefined ? '0' : `${row.id} ${row.errno}`;
}

/** Each line was run as a C program on Linux 6.18 x86-64, with the result that stands here. */
const MEASURED: readonly [string, Partial<RegistrationRequest>, Partial<RegistrationContext>, string][] = [
  ['flags 2', { flags: 2 }, {}, 'register-flags EINVAL'],
  ['flags 4', { flags: 4 }, {}, 'register-flags EINVAL'],
  ['flags 1<<31', { flags: -0x8000_0000 }, {}, 'register-flags EINVAL'],
  ['length 0', { length: 0 }, {}, 'register-length-short EINVAL'],
  ['length 20', { length: 20 }, {}, 'register-length-short EINVAL'],
  ['length 31', { length: 31 }, {}, 'register-length-short EINVAL'],
  ['length 32 at 16', { address: AREA + 16n }, {}, 'register-unaligned-32 EINVAL'],
  ['length 33 at 16', { address: AREA + 16n, length: 33 }, {}, 'register-unaligned EINVAL'],
  ['NULL', { address: 0n }, {}, 'register-unreadable EFAULT'],
  ['kernel address', { address: 0xffff_8000_0000_0000n }, {}, 'register-outside EFAULT'],
  ['TASK_SIZE', { address: 0x7fff_ffff_f000n }, {}, 'register-outside EFAULT'],
  ['unmapped', { address: 0x10000n }, { readable: false }, 'register-unreadable EFAULT'],
  ['read-only, rseq_cs NULL', {}, { writable: false }, 'register-read-only-kills ok'],
  ['read-only, rseq_cs set', {}, { writable: false, staleRseqCs: true }, 'register-read-only-stale EFAULT'],
  ['rseq_cs set', {}, { staleRseqCs: true }, '0'],
  ['again', {}, { registered: REGISTERED }, 'register-again EBUSY'],
  ['again, other signature', { signature: 1 }, { registered: REGISTERED }, 'register-other-signature EPERM'],
  ['again, other length', { length: 64 }, { registered: REGISTERED }, 'register-other-length EINVAL'],
  [
    'again, other address',
    { address: AREA + 64n },
    { registered: REGISTERED },
    'register-other-address EINVAL',
  ],
  ['again, flags 2', { flags: 2 }, { registered: REGISTERED }, 'register-flags EINVAL'],
  [
    'again, other length and signature',
    { length: 64, signature: 1 },
    { registered: REGISTERED },
    'register-other-length EINVAL',
  ],
  ['again, NULL', { address: 0n }, { registered: REGISTERED }, 'register-other-address EINVAL'],
  ['unregister, flags 3', { flags: 3 }, { registered: REGISTERED }, 'unregister-flags EINVAL'],
  ['unregister, flags 0x81', { flags: 0x81 }, { registered: REGISTERED }, 'unregister-flags EINVAL'],
  ['unregister nothing', { flags: 1 }, {}, 'unregister-none EINVAL'],
  ['unregister NULL', { flags: 1, address: 0n }, {}, 'unregister-none EINVAL'],
  [
    'unregister other address',
    { flags: 1, address: AREA + 64n },
    { registered: REGISTERED },
    'unregister-other-address EINVAL',
  ],
  [
    'unregister other length',
    { flags: 1, length: 64 },
    { registered: REGISTERED },
    'unregister-other-length EINVAL',
  ],
  [
    'unregister other signature',
    { flags: 1, signature: 1 },
    { registered: REGISTERED },
    'unregister-other-signature EPERM',
  ],
  [
    'unregister other length and signature',
    { flags: 1, length: 64, signature: 1 },
    { registered: REGISTERED },
    'unregister-other-length EINVAL',
  ],
  [
    'unregister, read-only',
    { flags: 1 },
    { registered: REGISTERED, writable: false },
    'unregister-unwritable EFAULT',
  ],
  ['unregister', { flags: 1 }, { registered: REGISTERED }, '0'],
  ['length 33', { length: 33 }, {}, '0'],
  ['length 64 at 32', { address: AREA + 32n, length: 64 }, {}, '0'],
  ['length 4096', { length: 4096 }, {}, '0'],
  ['signature 0', { signature: 0 }, {}, '0'],
];

describe('explainRegistration', () => {
  it.each(MEASURED)('6.18: %s', (_name, request, context, expected) => {
    expect(explain(request, context)).toBe(expected);
  });

  it('accepts length 32 only before 6.3', () => {
    expect(explain({ length: 33 }, { version: '6.2' })).toBe('register-length-not-32 EINVAL');
    expect(explain({ length: 33 }, { version: '6.3' })).toBe('0');
  });

  it('wants 64-byte alignment of longer areas since 7.0', () => {
    const request = { address: AREA + 32n, length: 64 };
    expect(explain(request, { version: '6.19' })).toBe('0');
    expect(explain(request, { version: '7.0' })).toBe('register-unaligned EINVAL');
    expect(explain({ address: AREA + 32n }, { version: '7.0' })).toBe('0');
  });

  it('knows the slice flag since 7.0', () => {
    expect(explain({ flags: 2, length: 33 }, { version: '7.0' })).toBe('0');
    expect(explain({ flags: 4, length: 33 }, { version: '7.0' })).toBe('register-flags EINVAL');
  });

  it('tells what older kernels let through', () => {
    expect(explain({ address: 0n }, { version: '6.12' })).toBe('register-null-ignored ok');
    expect(explain({}, { version: '6.12', staleRseqCs: true })).toBe('register-unmapped-kills ok');
    expect(explain({}, { version: '6.19', writable: false })).toBe('register-read-only EFAULT');
  });

  it('compares with the TASK_SIZE given', () => {
    const address = 0xc000_0000n;
    expect(explain({ address }, { taskSize: address })).toBe('register-outside EFAULT');
    expect(explain({ address })).toBe('0');
  });
});

describe('rows', () => {
  it('have unique ids, a source and a condition', () => {
    expect(new Set(REGISTRATION_ROWS.map((row) => row.id)).size).toBe(REGISTRATION_ROWS.length);
    for (const row of REGISTRATION_ROWS) {
      expect(row.id.startsWith(`${row.operation}-`)).toBe(true);
      expect(row.source).toMatch(/kernel\/rseq\.c/);
      expect(row.condition).not.toBe('');
    }
  });

  it('marked measured, each decides one of the measured calls', () => {
    const seen = new Set(MEASURED.map(([, , , expected]) => expected.split(' ')[0]));
    expect(REGISTRATION_ROWS.filter((row) => row.mark === 'measured' && !seen.has(row.id))).toEqual([]);
  });
});
