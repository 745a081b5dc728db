import { describe, expect, it } from 'vitest';
import { simulatedCalls, simulatedRun } from './calls.js';

const MEGABYTE = 2 ** 20;
const memoryLimit = 16 * MEGABYTE;
/** Maps, touches all of it (MAP_POPULATE). */
const take = (bytes: number, shared = false) =>
  `m = mmap 0x20000000 ${bytes} 3 ${shared ? 0x8031 : 0x8032} -1 0`;

describe('a process that touches more memory than there is', () => {
  it.each([
    ['its own', take(32 * MEGABYTE)],
    ['shared', take(32 * MEGABYTE, true)],
    ['of the stack of a thread', 'mmap 0x20000000 0x2000000 3 0x32 -1 0\nmlock 0x20000000 0x2000000'],
    [
      'of a file in memory',
      `f = memfd_create "x" 0\nmmap 0x20000000 0x1000000 3 0x32 -1 0\nmlock 0x20000000 0xe00000\npwrite64 $f 0x20000000 0xe00000 0`,
    ],
  ])('is killed: %s', (_, script) => {
    const { status, events, stdout } = simulatedRun(`${script}\nwrite 1 "not reached" 3`, { memoryLimit });
    expect({ status, stdout }).toEqual({ status: 9, stdout: expect.not.stringContaining('not') });
    const [told, ...more] = events.filter(({ kind }) => kind === 'out-of-memory');
    expect(told).toMatchObject({ pid: 1000, limit: memoryLimit / 4096 });
    expect(told?.kind === 'out-of-memory' && told.pages - told.limit).toBeGreaterThan(0);
    expect(more).toEqual([]);
  });

  it('is the one that is killed, not its parent', () => {
    const script = `${take(6 * MEGABYTE)}\nfork\n${take(12 * MEGABYTE)}\nend\nget $m`;
    expect(simulatedCalls(script, { memoryLimit })).toEqual(['address', 'child 9', '0']);
  });

  it('may use again what it gave back', () => {
    const again = `${take(12 * MEGABYTE)}\nmunmap $m ${12 * MEGABYTE}\n`;
    expect(simulatedCalls(again.repeat(5), { memoryLimit })).toEqual(
      new Array(5).fill(['address', '0']).flat(),
    );
  });

  it('may use again what was in files that are gone', () => {
    const again =
      'f = memfd_create "x" 0\nftruncate $f 0x600000\nm = mmap 0x20000000 0x600000 3 0x8011 $f 0\nput $m 1\n' +
      'munmap $m 0x600000\nclose $f\n';
    const { status, stdout } = simulatedRun(again.repeat(5), { memoryLimit });
    expect({ status, told: stdout.match(/address/g)?.length }).toEqual({ status: 0, told: 5 });
  });
});

describe('addresses', () => {
  it('that are only reserved take no memory', () => {
    const script = `m = mmap 0 ${1 << 30} 0 0x22 -1 0\nmmap 0 ${1 << 30} 3 0x22 -1 0\nput $m 1`;
    expect(simulatedCalls(script, { memoryLimit })).toEqual(['address', 'address', 'SIGSEGV 2']);
  });

  it('end at 4 GiB', () => {
    const script = `mmap 0 ${2 ** 36} 0 0x4022 -1 0\nmmap 0xfffff000 0x1000 3 0x32 -1 0\nmmap 0x1000 0x1000 3 0x32 -1 0`;
    expect(simulatedCalls(script)).toEqual(['ENOMEM', 'ENOMEM', 'EPERM']);
  });
});
