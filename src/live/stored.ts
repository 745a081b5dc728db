/** Memory of a process that is not there: its own pages as they were stored, for the rest the files that it had mapped, if they are still the same. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PAGE } from '../binary/layout.js';
import type { MapView } from '../process/process.js';
import { Modules } from './modules.js';

/** O_RDONLY | O_NONBLOCK: opening a pipe without a writer must not wait. */
const NONBLOCKING = 0o4000;

export interface Store {
  /** Ascending. */
  readonly maps: readonly MapView[];
  /** A page that was stored; undefined: it is what the file has, or nothing but zeros. */
  page(address: bigint, map: MapView): Uint8Array | undefined;
  /** What a page holds that was not stored. */
  behind(map: MapView): 'file' | 'zeros' | 'nothing';
  /** Is the file at this path the one that was mapped? Asked once a path. */
  isSame(path: string, fd: number, size: number): boolean;
}

const ZEROS = new Uint8Array(PAGE);

export class StoredMemory {
  private readonly files = new Map<string, number | undefined>();
  private modulesCache: Modules | undefined;

  constructor(private readonly store: Store) {}

  close(): void {
    for (const fd of this.files.values()) if (fd !== undefined) closeSync(fd);
    this.files.clear();
  }

  get maps(): readonly MapView[] {
    return this.store.maps;
  }

  get modules(): Modules {
    this.modulesCache ??= new Modules({
      maps: () => this.maps,
      paths: ({ name }) => ({ name, candidates: () => [name], inode: 0, debugDirectories: [] }),
      read: (address, size) => this.read(address, size),
      sameAs: ({ name }) => this.file(name) !== undefined,
    });
    return this.modulesCache;
  }

  /** Undefined where not all of it is mapped, or a file is needed that is not there any more. */
  read(address: bigint, size: number): Uint8Array | undefined {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const within = Number((address + BigInt(at)) % BigInt(PAGE));
      const page = this.pageAt(address + BigInt(at - within));
      if (page === undefined) return undefined;
      const part = page.subarray(within, within + size - at);
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** It is mapped, and nobody can say what it holds: its file is not there, or another one. */
  lacks(address: bigint): boolean {
    return this.mapAt(address) !== undefined && this.read(address, 1) === undefined;
  }

  /** Files that are not what was mapped any more, or not to be found. */
  get missing(): string[] {
    const names = this.maps.filter((map) => this.store.behind(map) === 'file').map(({ name }) => name);
    return [...new Set(names)].filter((name) => this.file(name) === undefined);
  }

  private mapAt(address: bigint): MapView | undefined {
    return this.maps.find(({ start, end }) => address >= start && address < end);
  }

  private pageAt(address: bigint): Uint8Array | undefined {
    const map = this.mapAt(address);
    if (map === undefined) return undefined;
    const own = this.store.page(address, map);
    if (own !== undefined) return own;
    const behind = this.store.behind(map);
    if (behind === 'file') return this.filePage(map.name, map.offset + Number(address - map.start));
    return behind === 'zeros' ? ZEROS : undefined;
  }

  private filePage(path: string, offset: number): Uint8Array | undefined {
    const fd = this.file(path);
    if (fd === undefined) return undefined;
    const page = new Uint8Array(PAGE);
    readSync(fd, page, 0, PAGE, offset);
    return page;
  }

  private file(path: string): number | undefined {
    if (!this.files.has(path)) this.files.set(path, this.open(path));
    return this.files.get(path);
  }

  private open(path: string): number | undefined {
    let fd: number;
    try {
      fd = openSync(path, NONBLOCKING);
    } catch {
      return undefined;
    }
    const stat = fstatSync(fd);
    if (stat.isFile() && this.store.isSame(path, fd, stat.size)) return fd;
    closeSync(fd);
    return undefined;
  }
}
