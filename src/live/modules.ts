/**
 * The ELF files that a process has mapped: which lies where, what its sections and functions are at run-time addresses. Files are found
 * also where their path means something else to us (containers) or nothing any more (deleted); each is read once, however many processes map it.
 */
import { type Addr, asAddr, hex } from '../abi/address.js';
import { demangle } from '../binary/demangle/index.js';
import type { ProgramHeader } from '../binary/headers.js';
import type { ProgramImage, SourceLine } from '../binary/image.js';
import { PAGE } from '../binary/layout.js';
import { printable } from '../binary/printable.js';
import { isErrno } from '../linux/errors.js';
import { readMemory } from '../linux/memory.js';
import { type FileMap, mapsOf, procLink } from '../linux/procfs.js';
import { holding } from '../process/maps.js';
import type { MapView } from '../process/process.js';
import type { CriticalSection } from '../sections/section.js';
import { type ElfFile, elfInMemory, openElf, type Paths } from './elf-file.js';

/** Where modules come from: a live process, or a core. */
export interface ModuleSource {
  /** Ascending. */
  maps(): readonly (MapView & Partial<Pick<FileMap, 'device' | 'inode'>>)[];
  /** Where the file of a map may be opened. */
  paths(map: MapView & Partial<FileMap>): Paths;
  read(address: bigint, size: number): Uint8Array | undefined;
  /** Is a file that begins with `head` the one that was mapped there? */
  sameAs?(map: MapView, head: Uint8Array): boolean;
}

/** One file, where it is mapped. The same file may be mapped twice. */
export interface Module {
  /** As the process names it, without ` (deleted)`; `[vdso]`. */
  readonly name: string;
  readonly deleted: boolean;
  readonly start: bigint;
  readonly end: bigint;
  /** Run-time address less the file's own. */
  readonly bias: bigint;
  readonly file: ElfFile;
  /** The file could not be opened: this is what memory holds of it. */
  readonly fromMemory: boolean;
}

/** A section at run-time addresses. */
export interface LiveSection {
  readonly module: Module;
  /** At the file's addresses. */
  readonly section: CriticalSection;
  readonly start: bigint;
  /** Behind the last instruction. */
  readonly end: bigint;
  readonly abort: bigint;
  /** Of struct rseq_cs; undefined for one that is built on the stack. */
  readonly descriptor: bigint | undefined;
}

/** What is at an address. */
export interface Place {
  readonly address: bigint;
  /** The line of the maps that holds it. */
  readonly map: MapView | undefined;
  readonly module: Module | undefined;
  /** Its address in the module's file. */
  readonly inFile: Addr | undefined;
  /** A function, or another symbol; demangled. */
  readonly symbol: string | undefined;
  /** Bytes from the symbol's beginning. */
  readonly offset: number;
  readonly line: SourceLine | undefined;
  /** The section that it is inside of. */
  readonly section: LiveSection | undefined;
}

type Map_ = ReturnType<ModuleSource['maps']>[number];

/** The modules of one process. They are what they were at the last `refresh`. */
export class Modules {
  private mapList: readonly Map_[] = [];
  private list: Module[] = [];
  private sectionList: LiveSection[] | undefined;
  private readonly opened = new Map<string, Opened | undefined>();
  private readonly places = new Map<string, Place>();

  constructor(private readonly source: ModuleSource) {
    this.refresh();
  }

  /** Of a process that runs. Throws SystemError or an error of Node's with EACCES, EPERM. A process that is gone has none. */
  static ofProcess(pid: number): Modules {
    return new Modules(liveSource(pid));
  }

  /** Looks at the maps again (after dlopen, mmap, exec). True where a module came or went. Files that stayed are not read again. */
  refresh(): boolean {
    this.mapList = this.source.maps();
    this.places.clear();
    const before = this.list;
    this.list = this.findModules(before);
    const same =
      before.length === this.list.length && this.list.every((module, index) => module === before[index]);
    if (!same) this.sectionList = undefined;
    return !same;
  }

  /** Ascending by start. */
  get modules(): readonly Module[] {
    return this.list;
  }

  get maps(): readonly MapView[] {
    return this.mapList;
  }

  mapAt(address: bigint): MapView | undefined {
    return holding(this.mapList, address);
  }

  at(address: bigint): Module | undefined {
    return this.list.find(({ start, end }) => address >= start && address < end);
  }

  /** All sections of all modules: reads every file that has to do with rseq. */
  get sections(): readonly LiveSection[] {
    this.sectionList ??= this.list.flatMap((module) => sectionsOf(module));
    return this.sectionList;
  }

  /** The section whose descriptor this is; only the file that holds it is read. */
  byDescriptor(address: bigint): LiveSection | undefined {
    const module = this.at(address);
    return module && sectionsOf(module).find(({ descriptor }) => descriptor === address);
  }

  /** The section with this code; only the file that holds it is read. Descriptors on the stack are found by it. */
  byCode(start: bigint): LiveSection | undefined {
    const module = this.at(start);
    return module && sectionsOf(module).find((section) => section.start === start);
  }

  /** Symbol, source line and section of an address; `withSection` false spares the search for sections. */
  place(address: bigint, withSection = true): Place {
    const key = `${address} ${withSection}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    // Threads wait in the same few places.
    if (this.places.size > 10_000) this.places.clear();
    const place = this.find(address, withSection);
    this.places.set(key, place);
    return place;
  }

  private find(address: bigint, withSection: boolean): Place {
    const module = this.at(address);
    const inFile = module && asAddr(BigInt.asUintN(64, address - module.bias));
    const image = module?.file.image;
    const found = module && image && inFile !== undefined ? namesAt(module.file, image, inFile) : undefined;
    return {
      address,
      map: this.mapAt(address),
      module,
      inFile,
      symbol: found?.symbol?.name,
      offset: found?.symbol?.offset ?? 0,
      line: found?.line,
      section:
        module && withSection
          ? sectionsOf(module).find(({ start, end }) => address >= start && address < end)
          : undefined,
    };
  }

  /** Run-time address of a variable or function with rseq in its name, and the module that defines it. Few files are read for it. */
  rseqSymbol(name: string): { readonly address: bigint; readonly module: Module } | undefined {
    // glibc has its variables in the loader, so that comes first; a static program has them itself.
    const order = [
      isLoader,
      (each: Module) => isLibc(each) && !isLoader(each),
      (each: Module) => !isLibc(each),
    ];
    for (const module of order.flatMap((fits) => this.list.filter(fits))) {
      // Of a C library it takes less time to ask for the name.
      if (!isLibc(module) && !module.file.hasTraces) continue;
      const address = addressIn(module, name);
      if (address !== undefined) return { address, module };
    }
    return undefined;
  }

  /** Run-time address of a symbol of the C library, its loader, or a program that has it in itself. */
  libcSymbol(name: string): bigint | undefined {
    const libc = this.list.filter(isLibc);
    for (const module of libc.length > 0 ? libc : this.list.filter(({ file }) => file.hasTraces)) {
      const address = addressIn(module, name);
      if (address !== undefined) return address;
    }
    return undefined;
  }

  private findModules(before: readonly Module[]): Module[] {
    const found: Module[] = [];
    for (const [key, maps] of byFile(this.mapList)) {
      // A file that nobody can execute is data, also where it is an ELF file that somebody reads.
      if (!maps.some(({ executable }) => executable)) continue;
      if (!this.opened.has(key)) this.opened.set(key, this.open(maps[0]!));
      const opened = this.opened.get(key);
      if (opened !== undefined) found.push(...split(maps, opened, before));
    }
    return found.sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  private open(map: Map_): Opened | undefined {
    const file = map.name.startsWith('/')
      ? openElf(this.source.paths(map), (head) => this.source.sameAs?.(map, head) ?? true)
      : undefined;
    if (file !== undefined) return { file, fromMemory: false };
    const made = elfInMemory(nameOf(map), map.start, (at, size) => this.source.read(at, size));
    return made && { file: made, fromMemory: true };
  }
}

const isLoader = ({ name }: Module): boolean => /\/ld[-.][^/]*$/.test(name);
const isLibc = ({ name }: Module): boolean => /\/(ld|libc)[-.][^/]*$/.test(name);

const symbols = new WeakMap<ElfFile, Map<string, Addr | undefined>>();

function addressIn({ file, bias }: Module, name: string): bigint | undefined {
  const known = symbols.get(file) ?? new Map<string, Addr | undefined>();
  symbols.set(file, known);
  if (!known.has(name)) {
    const symbol = file.image?.symbol(name);
    known.set(name, symbol?.kind === 'tls' ? undefined : symbol?.address);
  }
  const address = known.get(name);
  return address === undefined ? undefined : BigInt(address) + bias;
}

interface Opened {
  readonly file: ElfFile;
  readonly fromMemory: boolean;
}

const DELETED = ' (deleted)';
const nameOf = ({ name }: MapView): string =>
  name.endsWith(DELETED) ? name.slice(0, -DELETED.length) : name;

/** Maps of one file each, those of the vdso included; memory without a file is left out. */
function byFile(maps: readonly Map_[]): Map<string, Map_[]> {
  const groups = new Map<string, Map_[]>();
  for (const map of maps) {
    if (!map.name.startsWith('/') && map.name !== '[vdso]') continue;
    const key = `${map.device} ${map.inode} ${map.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [map]);
    else group.push(map);
  }
  return groups;
}

const page = (value: number): number => value - (value % PAGE);

/** What bias each segment that can be behind a map would mean, the likeliest first. */
function biases({ start, offset }: MapView, loads: readonly ProgramHeader[]): bigint[] {
  return loads
    .filter((load) => page(load.offset) <= offset && offset < load.offset + load.filesz)
    .sort((a, b) => Number(page(b.offset) === offset) - Number(page(a.offset) === offset))
    .map((load) => start - BigInt(page(load.vaddr) + (offset - page(load.offset))));
}

/** One module for each time that the file is mapped. Modules that stayed as they were stay the same objects. */
function split(maps: readonly Map_[], { file, fromMemory }: Opened, before: readonly Module[]): Module[] {
  const all: { -readonly [K in keyof Module]: Module[K] }[] = [];
  const beginning = page(file.loads[0]?.offset ?? 0);
  // Who knows only of code has not been told of the beginning (records of perf: PERF_RECORD_MMAP2 without `mmap_data`).
  const hasBeginning = maps.some(({ offset }) => offset === beginning);
  for (const map of maps) {
    const possible = biases(map, file.loads);
    const last = all.at(-1);
    if (last !== undefined && possible.includes(last.bias)) {
      last.end = map.end;
      continue;
    }
    // Node moves a part of its code onto large pages: only where a file's beginning is, the file is mapped once more.
    const [bias] = possible;
    if (bias === undefined || (hasBeginning && map.offset !== beginning)) continue;
    const deleted = map.name.endsWith(DELETED);
    all.push({ name: nameOf(map), deleted, start: map.start, end: map.end, bias, file, fromMemory });
  }
  // Somebody may also have mapped it to read it.
  const found = all.filter(({ start, end }) =>
    maps.some((map) => map.executable && map.start >= start && map.end <= end),
  );
  return found.map((module) => {
    // Memory behind what the file holds (.bss) is the module's too.
    const last = file.loads.at(-1);
    const end =
      last === undefined ? module.end : module.bias + BigInt(page(last.vaddr + last.memsz + PAGE - 1));
    if (end > module.end) module.end = end;
    const same = (old: Module): boolean =>
      old.file === file && old.bias === module.bias && old.start === module.start && old.end === module.end;
    return before.find(same) ?? module;
  });
}

const found = new WeakMap<Module, LiveSection[]>();

function sectionsOf(module: Module): LiveSection[] {
  let list = found.get(module);
  if (list === undefined) {
    const { bias } = module;
    list = (module.file.findings?.sections ?? []).flatMap((section) => {
      const { start, end, abort, descriptor } = section;
      if (start === undefined || end === undefined || abort === undefined) return [];
      const moved = (at: number): bigint => BigInt(at) + bias;
      const address = descriptor.address === undefined ? undefined : moved(descriptor.address);
      return [
        { module, section, start: moved(start), end: moved(end), abort: moved(abort), descriptor: address },
      ];
    });
    found.set(module, list);
  }
  return list;
}

interface Names {
  readonly symbol: { readonly name: string; readonly offset: number } | undefined;
  readonly line: SourceLine | undefined;
}
const named = new WeakMap<ElfFile, Map<Addr, Names>>();

/** What a file says of an address of its own: processes by the dozen wait at the same few places of one library. */
function namesAt(file: ElfFile, image: ProgramImage, at: Addr): Names {
  const known = named.get(file) ?? new Map<Addr, Names>();
  named.set(file, known);
  let names = known.get(at);
  if (names === undefined) {
    names = { symbol: symbolAt(image, at), line: image.lineAt(at) };
    if (known.size > 10_000) known.clear();
    known.set(at, names);
  }
  return names;
}

function symbolAt(image: ProgramImage, at: Addr): { name: string; offset: number } | undefined {
  const range = image.functionAt(at);
  if (range?.name !== undefined) return { name: demangle(range.name), offset: at - range.start };
  const symbol = image.symbols.findLast(
    (each) =>
      each.kind !== 'tls' &&
      each.kind !== 'section' &&
      each.address !== undefined &&
      at >= each.address &&
      at < each.address + Math.max(1, each.size),
  );
  return symbol && { name: demangle(symbol.name), offset: at - symbol.address! };
}

/** `libx.so push+0x14 (counter.s:17)`; `[heap]`; `0x1234` where nothing is mapped. */
export function placeText({ address, map, module, inFile, symbol, offset, line }: Place): string {
  if (module === undefined) return map === undefined ? hex(address) : `${hex(address)} in ${printable(map.name || 'memory without a file')}`; // biome-ignore format: two cases
  const file = printable(module.name.slice(module.name.lastIndexOf('/') + 1));
  const where =
    symbol === undefined
      ? hex(inFile ?? address)
      : printable(symbol) + (offset === 0 ? '' : `+${hex(offset)}`);
  const source = line === undefined ? '' : ` (${printable(line.file)}:${line.line})`;
  return `${where} in ${file}${source}`;
}

/** A process that runs: its files by the ways on which /proc leads to them. */
function liveSource(pid: number): ModuleSource {
  return {
    maps: () => mapsOf(pid),
    paths: (map) => {
      const name = nameOf(map);
      const root = `/proc/${pid}/root`;
      return {
        name,
        inode: map.inode ?? 0,
        device: map.device,
        debugDirectories: [`${root}/usr/lib/debug`],
        candidates: () => [
          // Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, and is right whatever became of the path (proc(5)).
          `/proc/${pid}/map_files/${map.start.toString(16)}-${map.end.toString(16)}`,
          ...(procLink(`${pid}/exe`) === map.name ? [`/proc/${pid}/exe`] : []),
          ...(map.name.endsWith(DELETED) ? [] : [`${root}${name}`, name]),
        ],
      };
    },
    read: (address, size) => {
      try {
        return readMemory(pid, address, size);
      } catch (error) {
        if (isErrno(error, 'ESRCH')) return undefined;
        throw error;
      }
    },
  };
}
