import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { call, unavailable } from '../../src/linux/libc.js';
import { PageMap } from '../../src/linux/pagemap.js';
import { title } from './here.js';

const PAGE = 4096n;
const MAP_ANONYMOUS_PRIVATE = 0x22;

describe.skipIf(unavailable() !== undefined)(title('pages of a process', unavailable()), () => {
  it.each([true, false])('are those that it has written (by PAGEMAP_SCAN: %s)', (scans) => {
    const size = 64n * PAGE;
    const start = BigInt(call('mmap', 0, size, 3, MAP_ANONYMOUS_PRIVATE, -1, 0));
    const pages = new PageMap(process.pid, scans);
    try {
      expect(pages.ranges(start, start + size)).toEqual([]);
      for (const page of [3n, 4n, 5n, 40n, 63n]) call('getrandom', start + page * PAGE, 1, 0);
      expect(
        pages
          .ranges(start, start + size)
          .map(({ start: from, end }) => [(from - start) / PAGE, (end - start) / PAGE]),
      ).toEqual([
        [3n, 6n],
        [40n, 41n],
        [63n, 64n],
      ]);
      expect(pages.ranges(start + 4n * PAGE, start + 5n * PAGE)).toEqual([
        { start: start + 4n * PAGE, end: start + 5n * PAGE },
      ]);
    } finally {
      pages.close();
      call('munmap', start, size);
    }
  });

  it('are not those of a file that it has only read', () => {
    const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r-xp .* \/\S*node/m.exec(lines.join('\n')) ?? [];
    const pages = new PageMap(process.pid);
    try {
      expect(pages.ranges(BigInt(`0x${from}`), BigInt(`0x${to}`))).toEqual([]);
    } finally {
      pages.close();
    }
  });
});
