/** Which pages of a process hold something of its own: /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst). The same permission as ptrace. */
import { closeSync, openSync, readSync } from 'node:fs';
import { ERRNO } from '../abi/errno.js';
import { SystemError } from './errors.js';
import { addressOf, tryCall } from './libc.js';

const PAGE = 4096n;

/** Addresses, whole pages. */
export interface PageRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** _IOWR('f', 16, struct pm_scan_arg); since Linux 6.7 (include/uapi/linux/fs.h). */
const PAGEMAP_SCAN = 0xc060_6610;
const ARG_WORDS = 12;
const REGION_WORDS = 3;
const REGIONS = 1024;
const IS = { FILE: 1n << 2n, PRESENT: 1n << 3n, SWAPPED: 1n << 4n, PFNZERO: 1n << 5n };

/** A page that was only read is the kernel's page of zeros. */
const WITHOUT = IS.PFNZERO | IS.FILE;

/** Bits of a word of pagemap, those of its upper half. */
const HIGH = { PRESENT: 1 << 31, SWAPPED: 1 << 30, OF_FILE: 1 << 29 };
/** Words that are read at once. */
const CHUNK = 1 << 16;

export class PageMap {
  private readonly fd: number;
  private scans = true;

  /** Throws the error of open(2). `scans`: by PAGEMAP_SCAN, where the kernel has it. */
  constructor(pid: number, scans = true) {
    this.fd = openSync(`/proc/${pid}/pagemap`, 'r');
    this.scans = scans;
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Pages in memory or in swap that are no file's and of no shared memory, ascending. */
  ranges(start: bigint, end: bigint): PageRange[] {
    if (this.scans) {
      const found = this.scan(start, end);
      if (found !== undefined) return found;
      this.scans = false;
    }
    return this.read(start, end);
  }

  /** Undefined: the kernel cannot. */
  private scan(start: bigint, end: bigint): PageRange[] | undefined {
    const found: PageRange[] = [];
    const regions = new BigUint64Array(REGION_WORDS * REGIONS);
    for (let from = start; from < end; ) {
      const arg = new BigUint64Array(ARG_WORDS);
      // size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask, category_anyof_mask, return_mask.
      arg[0] = BigInt(8 * ARG_WORDS);
      arg[2] = from;
      arg[3] = end;
      arg[5] = addressOf(regions);
      arg[6] = BigInt(REGIONS);
      arg[8] = WITHOUT;
      arg[9] = WITHOUT;
      arg[10] = IS.PRESENT | IS.SWAPPED;
      const got = tryCall('ioctl', this.fd, PAGEMAP_SCAN, arg);
      if (got === -ERRNO.ENOTTY || got === -ERRNO.EINVAL) return undefined;
      if (got < 0) throw new SystemError('PAGEMAP_SCAN', -got);
      for (let n = 0; n < got; n++) join(found, regions[REGION_WORDS * n]!, regions[REGION_WORDS * n + 1]!);
      from = arg[4]!;
    }
    return found;
  }

  private read(start: bigint, end: bigint): PageRange[] {
    const found: PageRange[] = [];
    const words = new Uint32Array(2 * CHUNK);
    for (let from = start; from < end; ) {
      const count = Math.min(CHUNK, Number((end - from) / PAGE));
      const got = readSync(this.fd, words, 0, 8 * count, (from / PAGE) * 8n) / 8;
      if (got === 0) break;
      for (let page = 0; page < got; page++) {
        const high = words[2 * page + 1]!;
        if ((high & (HIGH.PRESENT | HIGH.SWAPPED)) === 0 || (high & HIGH.OF_FILE) !== 0) continue;
        const address = from + BigInt(page) * PAGE;
        join(found, address, address + PAGE);
      }
      from += BigInt(got) * PAGE;
    }
    return found;
  }
}

function join(ranges: PageRange[], start: bigint, end: bigint): void {
  const last = ranges.at(-1);
  if (last?.end === start) ranges[ranges.length - 1] = { start: last.start, end };
  else ranges.push({ start, end });
}
