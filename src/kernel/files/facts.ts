import { PAGE_SIZE } from '../../machine/state.js';
import type { Inode } from './file.js';
import { S } from './flags.js';
import type { What } from './what.js';

/** What stat(2) says of a file. Times are nanoseconds of the clock. */
export interface Facts {
  readonly mode: number;
  readonly inode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Pages that it takes. */
  readonly pages: number;
  /** Major and minor number of a device. */
  readonly device: readonly [major: number, minor: number];
  readonly accessed: number;
  readonly modified: number;
  readonly changed: number;
}

const MINOR = { null: 3, zero: 5, full: 7, random: 8 } as const;

/** A number for what has none of its own: FNV-1a of its path. */
function numberOf(path: string): number {
  let hash = 0x811c_9dc5;
  for (let n = 0; n < path.length; n++) hash = Math.imul(hash ^ path.charCodeAt(n), 0x0100_0193) >>> 0;
  return hash;
}

const plain = (mode: number, inode: number, more: Partial<Facts> = {}): Facts => ({
  mode,
  inode,
  links: 1,
  uid: 0,
  gid: 0,
  size: 0,
  pages: 0,
  device: [0, 0],
  accessed: 0,
  modified: 0,
  changed: 0,
  ...more,
});

/** Of an open file, or of what a path names. */
export function factsOf(file: Inode | What, path: string): Facts {
  switch (file.kind) {
    case 'regular': {
      const { id, ...facts } = file.facts;
      const { size, pages } = file.object;
      const kept = file.object.constant ? Math.ceil(size / PAGE_SIZE) : pages.size;
      return { ...plain(0, file.object.id), ...facts, size, pages: kept };
    }
    case 'directory': {
      const { id, ...facts } = file.facts;
      return { ...plain(0, id), ...facts, size: 20 * (2 + file.entries.size) };
    }
    case 'link': {
      const { id, ...facts } = file.facts;
      return { ...plain(0, id), ...facts, size: file.target.length };
    }
    case 'pipe':
      return plain(S.FIFO | 0o600, file.pipe.id);
    case 'stream':
      return plain(S.FIFO | 0o600, file.stream + 1);
    case 'event':
      return plain(0o600, file.id);
    case 'text':
    case 'made':
      return plain(S.REGULAR | file.mode, numberOf(path));
    case 'listing':
      return plain(S.DIRECTORY | 0o555, numberOf(path), { links: 2 });
    case 'magic':
      return file.file === undefined
        ? plain(S.LINK | 0o777, numberOf(path))
        : plain(S.LINK | 0o700, numberOf(path), { size: 64 });
    default: {
      const kind = file.kind === 'device' ? file.device : file.kind;
      return plain(S.CHARACTER | 0o666, numberOf(kind), { device: [1, MINOR[kind]] });
    }
  }
}
