/** What stands at the addresses of watched processes, also of those that are gone: their maps are known from the kernel's records. */

import { asAddr } from '../../abi/address.js';
import type { ProgramImage } from '../../binary/image.js';
import type { CodePlace } from '../../event/observed.js';
import { x86_64 } from '../../isa/x86-64/decoder.js';
import { isErrno } from '../../linux/errors.js';
import { readMemory } from '../../linux/memory.js';
import { type FileMap, mapsOf } from '../../linux/procfs.js';
import { type LiveSection, type Module, Modules } from '../modules.js';
import type { Fact } from './facts.js';

/** Functions that are longer are not disassembled from their beginning. */
const LONGEST = 1 << 20;

type MapFact = Extract<Fact, { kind: 'map' }>;

/** The code that one process has mapped. */
export class CodePlaces {
  private maps: FileMap[] = [];
  private modules: Modules | undefined;
  private readonly known = new Map<bigint, CodePlace>();

  constructor(private readonly pid: number) {}

  /** Of a process that runs already. One that is gone, or is not ours, has no maps. */
  static ofProcess(pid: number): CodePlaces {
    const places = new CodePlaces(pid);
    try {
      places.maps = mapsOf(pid).filter(({ executable }) => executable);
    } catch (error) {
      if (!isErrno(error, 'EACCES', 'EPERM', 'ENOENT', 'ESRCH')) throw error;
    }
    return places;
  }

  /** A child begins with what its parent has. */
  fork(pid: number): CodePlaces {
    const places = new CodePlaces(pid);
    places.maps = [...this.maps];
    return places;
  }

  map({ start, size, offset, device, inode, path }: MapFact): void {
    const end = start + size;
    if (this.maps.some((each) => each.start === start && each.end === end && each.name === path)) return;
    const map: FileMap = {
      start,
      end,
      readable: true,
      writable: false,
      executable: true,
      shared: false,
      offset: Number(offset),
      name: path,
      device,
      inode,
    };
    // The kernel does not tell of unmapping: what lay there is gone.
    this.maps = [...this.maps.filter((each) => each.end <= start || each.start >= end), map].sort((a, b) =>
      a.start < b.start ? -1 : 1,
    );
    this.modules?.refresh();
    this.known.clear();
  }

  /** The files with code, as the process names them. */
  get files(): readonly string[] {
    return [...new Set(this.maps.map(({ name }) => name).filter((name) => name.startsWith('/')))];
  }

  at(address: bigint): CodePlace {
    let place = this.known.get(address);
    if (place === undefined) {
      place = this.find(address);
      this.known.set(address, place);
    }
    return place;
  }

  /** The instruction that ends at this address: of its function, disassembled from the beginning. What lies there if that cannot be told. */
  before(address: bigint): CodePlace {
    const last = this.at(address - 1n);
    const start = address - 1n - BigInt(last.offset);
    const size = Number(address - start);
    const bytes = last.function === undefined || size > LONGEST ? undefined : this.code(start, size);
    if (bytes === undefined) return last;
    for (let at = 0; at < size; ) {
      const { length } = x86_64.decode(bytes.subarray(at), asAddr(start + BigInt(at))!);
      if (at + length === size) return this.at(start + BigInt(at));
      at += Math.max(1, length);
    }
    return last;
  }

  /** The file that holds an address, and the section whose descriptor stands there. */
  ownerOf(
    address: bigint,
  ): { readonly module: Module; readonly section: LiveSection | undefined } | undefined {
    const module = this.loaded.at(address);
    return module && { module, section: this.loaded.byDescriptor(address) };
  }

  /** The file, as far as it can be read. */
  imageOf(file: string): ProgramImage | undefined {
    return this.loaded.modules.find(({ name }) => name === file)?.file.image;
  }

  private find(address: bigint): CodePlace {
    const { module, inFile, symbol, offset, line } = this.loaded.place(address, false);
    return {
      file: module?.name,
      inFile: inFile === undefined ? address : BigInt(inFile),
      function: symbol,
      offset,
      source: line && { file: line.file, line: line.line },
      instruction: this.instruction(address),
    };
  }

  private get loaded(): Modules {
    this.modules ??= new Modules({
      maps: () => this.maps,
      paths: (map) => ({
        name: map.name,
        inode: map.inode ?? 0,
        debugDirectories: ['/usr/lib/debug'],
        candidates: () => [`/proc/${this.pid}/root${map.name}`, map.name],
      }),
      read: (at, size) => this.read(at, size),
    });
    return this.modules;
  }

  private instruction(address: bigint): string | undefined {
    const at = asAddr(address);
    if (at === undefined) return undefined;
    for (let size = x86_64.maxLength; size > 0; size--) {
      const bytes = this.code(address, size);
      if (bytes === undefined) continue;
      const { text, flow } = x86_64.decode(bytes, at);
      return flow === 'unknown' ? undefined : text;
    }
    return undefined;
  }

  /** Of the file, which is there when the process is not; of memory, where there is none. */
  private code(address: bigint, size: number): Uint8Array | undefined {
    const module = this.loaded.at(address);
    const inFile = module && asAddr(BigInt.asUintN(64, address - module.bias));
    return (inFile !== undefined && module?.file.image?.read(inFile, size)) || this.read(address, size);
  }

  private read(address: bigint, size: number): Uint8Array | undefined {
    try {
      return readMemory(this.pid, address, size);
    } catch {
      // It is gone, or is not ours.
      return undefined;
    }
  }
}
