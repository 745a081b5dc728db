/** Memory that several maps and descriptors can share: of memfd_create(2), and of mmap(2) with MAP_SHARED and no file. It is kept once. */
import { closeSync, fstatSync, openSync, readSync, statfsSync, statSync } from 'node:fs';
import { printable } from '../../binary/printable.js';
import type { PieceImage, SharedImage } from '../../checkpoint/image.js';
import { isErrno } from '../../linux/errors.js';
import { tryCall } from '../../linux/libc.js';
import type { FileMap } from '../../linux/procfs.js';
import type { Outside } from './outside.js';
import { Unsupported } from './refusal.js';

/** Where contents go. */
export interface PieceSink {
  add(address: bigint, bytes: Uint8Array): readonly PieceImage[];
}

interface Known {
  readonly kind: SharedImage['kind'];
  readonly name: string;
  /** Where it can be opened. */
  readonly path: string;
}

const DELETED = ' (deleted)';
const MEMFD = '/memfd:';
const HUGETLBFS_MAGIC = 0x958458f6;
const F_GET_SEALS = 1034;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const CHUNK = 1 << 20;

/** The objects of one process, by device and inode. */
export class Objects {
  private readonly known = new Map<string, Known & { readonly index: number }>();

  constructor(private readonly outside: Outside) {}

  /** Index of what lies behind a map; undefined: it is a file's, or private. Throws Unsupported where another process has it. */
  ofMap(pid: number, map: FileMap): number | undefined {
    const { name, shared, device, inode, start, end } = map;
    const isMemfd = name.startsWith(MEMFD);
    // Named by prctl(2), PR_SET_VMA_ANON_NAME, too.
    const isAnonymous = shared && (/^\/dev\/zero( |$)/.test(name) || name.startsWith('[anon_shmem'));
    if (!isMemfd && !isAnonymous) {
      if (shared && !name.startsWith('/'))
        throw new Unsupported(`it has mapped ${name || 'shared memory'} of a kind that is not known`);
      return undefined;
    }
    const path = `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;
    return this.add(
      `${device} ${inode}`,
      { kind: isMemfd ? 'memfd' : 'anonymous', name: nameOf(name), path },
      name,
    );
  }

  ofDescriptor(pid: number, fd: number, link: string): number {
    const path = `/proc/${pid}/fd/${fd}`;
    if (statfsSync(path).type === HUGETLBFS_MAGIC)
      throw new Unsupported(`its descriptor ${fd} is huge pages (MFD_HUGETLB)`);
    return this.add(keyOf(path), { kind: 'memfd', name: nameOf(link), path }, link);
  }

  private add(key: string, what: Known, link: string): number {
    const known = this.known.get(key);
    if (known !== undefined) return known.index;
    const other = this.outside.holderOfMemory(key, link, keyOf);
    if (other !== undefined)
      throw new Unsupported(
        `it has shared memory (${what.kind === 'memfd' ? printable(what.name) : 'MAP_SHARED'}) that ${other} has as well`,
      );
    const index = this.known.size;
    this.known.set(key, { ...what, index });
    return index;
  }

  capture(data: PieceSink): SharedImage[] {
    return [...this.known.values()].map(({ kind, name, path }) => {
      const fd = openMemory(path);
      try {
        const { size, mode } = fstatSync(fd);
        const seals =
          kind === 'memfd' ? { seals: tryCall('fcntl', fd, F_GET_SEALS, 0), mode: mode & 0o7777 } : {};
        return { kind, name, size, ...seals, pieces: contentsOf(fd, size, data) };
      } finally {
        closeSync(fd);
      }
    });
  }
}

const nameOf = (link: string): string =>
  (link.startsWith(MEMFD) ? link.slice(MEMFD.length) : link).replace(DELETED, '');

/** As /proc/PID/maps has it: the device's numbers in hexadecimal, the inode's in decimal. */
function keyOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return '';
  const { dev, ino } = stat;
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  return `${[major, minor].map((number) => number.toString(16).padStart(2, '0')).join(':')} ${ino}`;
}

function openMemory(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES')) throw error;
    throw new Unsupported(
      'it has shared memory, which only root can read, or who has CAP_CHECKPOINT_RESTORE; run as root',
    );
  }
}

/** What is not a hole, and not zero. */
function contentsOf(fd: number, size: number, data: PieceSink): PieceImage[] {
  const pieces: PieceImage[] = [];
  const bytes = new Uint8Array(CHUNK);
  for (let at = 0; at < size; ) {
    const from = tryCall('lseek', fd, at, SEEK_DATA);
    if (from < 0) break;
    const hole = tryCall('lseek', fd, from, SEEK_HOLE);
    for (at = from; at < hole; ) {
      const got = readSync(fd, bytes, 0, Math.min(CHUNK, hole - at), at);
      if (got === 0) return pieces;
      const part = bytes.subarray(0, got);
      if (part.some((byte) => byte !== 0)) pieces.push(...data.add(BigInt(at), part.slice()));
      at += got;
    }
  }
  return pieces;
}
