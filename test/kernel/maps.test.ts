import { describe, expect, it } from 'vitest';
import { hasNative, nativeCalls, simulatedCalls } from './calls.js';

/** Makes areas, and prints /proc/self/maps. */
const SCRIPT = `
mmap 0x20000000 0x3000 3 0x32 -1 0
mmap 0x20003000 0x2000 3 0x32 -1 0
mmap 0x20005000 0x1000 1 0x32 -1 0
mprotect 0x20001000 0x1000 0
mmap 0x20010000 0x4000 3 0x31 -1 0
munmap 0x20011000 0x1000
f = memfd_create "pool" 0
ftruncate $f 0x4000
mmap 0x20020000 0x2000 3 0x11 $f 0
mmap 0x20022000 0x2000 3 0x11 $f 0x2000
mmap 0x20024000 0x1000 3 0x11 $f 0
mmap 0x20028000 0x2000 5 0x12 $f 0x1000
mmap 0x20030000 0x3000 3 0x32 -1 0
madvise 0x20031000 0x1000 10
mmap 0x20040000 0x3000 3 0x32 -1 0
mprotect 0x20041000 0x1000 1
mprotect 0x20041000 0x1000 3
mmap 0x20050000 0x2000 3 0x32 -1 0
mremap 0x20050000 0x2000 0x1000 3 0x20054000
g = open "/proc/self/maps" 0
read $g @0 4000
text @0 4000`;

/** Lines about what the script made, without numbers of devices and files. */
const own = (lines: readonly string[]): string[] =>
  lines.filter((line) => line.startsWith('200')).map((line) => line.replace(/ \w+:\w+ \d+ */, ' ').trimEnd());

const EXPECTED = [
  '20000000-20001000 rw-p 00000000',
  '20001000-20002000 ---p 00000000',
  '20002000-20005000 rw-p 00000000',
  '20005000-20006000 r--p 00000000',
  '20010000-20011000 rw-s 00000000 /dev/zero (deleted)',
  '20012000-20014000 rw-s 00002000 /dev/zero (deleted)',
  '20020000-20024000 rw-s 00000000 /memfd:pool (deleted)',
  '20024000-20025000 rw-s 00000000 /memfd:pool (deleted)',
  '20028000-2002a000 r-xp 00001000 /memfd:pool (deleted)',
  '20030000-20031000 rw-p 00000000',
  '20031000-20032000 rw-p 00000000',
  '20032000-20033000 rw-p 00000000',
  '20040000-20043000 rw-p 00000000',
  '20054000-20055000 rw-p 00000000',
];

describe('/proc/self/maps', () => {
  it('shows areas that were joined and cut as Linux does it', () => {
    expect(own(simulatedCalls(SCRIPT))).toEqual(EXPECTED);
  });

  it.skipIf(!hasNative)('as the real kernel does', () => {
    expect(own(nativeCalls(SCRIPT))).toEqual(EXPECTED);
  });
});
