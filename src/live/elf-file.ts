/** ELF files that processes have mapped: opened once, and read as far as somebody asks. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { type ElfHeaders, ET, type ProgramHeader, PT, readHeaders } from '../binary/headers.js';
import type { ProgramImage } from '../binary/image.js';
import { PAGE } from '../binary/layout.js';
import { readImage } from '../binary/read.js';
import { DEBUG_DIRECTORY, debugFile } from '../node/debug-file.js';
import { type Findings, findSections } from '../sections/find.js';
import { hasTraces, tracesOf } from '../sections/traces.js';

/** Bytes that hold the headers of any usual program: the segments are told by them. */
const HEAD = 4096;
/** Larger files are not read. */
const LARGEST = 2 ** 32 - 1;

/** A program or library, whoever has it mapped. What it holds is read when it is first asked for. */
export class ElfFile {
  private imageCache: { image: ProgramImage | undefined } | undefined;
  private tracesCache: boolean | undefined;
  private findingsCache: { findings: Findings | undefined } | undefined;

  constructor(
    /** As the process names it. */
    readonly name: string,
    /** The loadable segments, ascending. */
    readonly loads: readonly ProgramHeader[],
    readonly executable: boolean,
    private readonly content: Content,
  ) {}

  /** Its symbols, lines and bytes; undefined where it cannot be read any more, or is damaged: `trouble` says why. */
  get image(): ProgramImage | undefined {
    this.imageCache ??= { image: this.attempt(() => this.read()) };
    return this.imageCache.image;
  }

  /** Its sections; undefined where it has nothing to do with rseq, or cannot be read. */
  get findings(): Findings | undefined {
    this.findingsCache ??= { findings: this.attempt(() => this.find()) };
    return this.findingsCache.findings;
  }

  /** Does it mention rseq at all? Reads less than all of a file. */
  get hasTraces(): boolean {
    this.tracesCache ??= this.attempt(() => this.content.hasTraces(this.name)) ?? false;
    return this.tracesCache;
  }

  /** Why it could not be read. */
  trouble: string | undefined;

  private attempt<T>(action: () => T | undefined): T | undefined {
    try {
      return action();
    } catch (error) {
      this.trouble = (error as Error).message;
      return undefined;
    }
  }

  private read(): ProgramImage {
    const bytes = this.content.bytes();
    return readImage(bytes, this.name, {
      debugFile: () => this.content.debugFile(bytes),
      inflate: (packed) => inflateSync(packed),
    });
  }

  private find(): Findings | undefined {
    return this.hasTraces && this.image ? findSections(this.image) : undefined;
  }
}

/** Where the bytes of an ElfFile come from. */
interface Content {
  bytes(): Uint8Array;
  /** A question that needs less than all of it. */
  hasTraces(name: string): boolean;
  debugFile(bytes: Uint8Array): Uint8Array | undefined;
}

const headersOf = (bytes: Uint8Array, name: string): ElfHeaders => readHeaders(bytes, name, []);

const loadsOf = (headers: ElfHeaders): ProgramHeader[] =>
  headers.programs
    .filter(({ type, memsz }) => type === PT.LOAD && memsz > 0)
    .sort((a, b) => a.vaddr - b.vaddr);

/** Takes the tables of sections away, which lie at the end of a file: what is left can be read from its beginning, or from memory. */
function withoutSections(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (copy[4] === 2) {
    view.setBigUint64(40, 0n, true);
    view.setUint32(60, 0, true);
  } else {
    view.setUint32(32, 0, true);
    view.setUint32(48, 0, true);
  }
  return copy;
}

/** The same file by its contents: a path may name another one tomorrow. */
const identity = ({ dev, ino, mtimeMs, size }: Stats): string => `${dev}:${ino}:${mtimeMs}:${size}`;

const known = new Map<string, ElfFile>();

/** Where a file may be found. */
export interface Paths {
  /** As the process names it. */
  readonly name: string;
  /** Tried in this order. */
  candidates(): readonly string[];
  /** What the file's inode must be; 0: not known. */
  readonly inode: number;
  /** Of the map: the file system's device, as `major:minor` in hexadecimal. */
  readonly device?: string | undefined;
  /** Folders with separate debug files besides the usual one. */
  readonly debugDirectories: readonly string[];
}

/** The first of the candidates that can be opened and is the right file; undefined: none, or it is no program. */
export function openElf(
  paths: Paths,
  isRight: (head: Uint8Array) => boolean = () => true,
): ElfFile | undefined {
  const mapped = `${paths.device} ${paths.inode}`;
  const last = seen.get(mapped);
  if (last !== undefined && performance.now() - last.since < FRESH) return last.file;
  return withFile(paths, undefined, (fd, stat) => {
    const key = identity(stat);
    const head = new Uint8Array(Math.min(HEAD, stat.size));
    readSync(fd, head, 0, head.length, 0);
    if (!isRight(head)) return undefined;
    const file = known.get(key) ?? elfFile(paths, head, key);
    if (file !== undefined) known.set(key, file);
    if (paths.device === deviceOf(stat)) seen.set(mapped, { file, since: performance.now() });
    return file;
  });
}

/** What was mapped from a file system whose maps name its files as stat(2) does, which those of btrfs and overlayfs do not; for some milliseconds. */
const seen = new Map<string, { readonly file: ElfFile | undefined; readonly since: number }>();
const FRESH = 500;

/** As /proc/PID/maps has it (makedev(3): glibc's gnu_dev_major and gnu_dev_minor). */
function deviceOf({ dev }: Stats): string {
  const number = BigInt(dev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xffff_f000n);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}

function elfFile(paths: Paths, head: Uint8Array, key: string): ElfFile | undefined {
  const programs = programsIn(head);
  if (programs === undefined) return undefined;
  const whole = <T>(use: (fd: number, size: number) => T): T => {
    const result = withFile(paths, key, (fd, { size }) => ({ value: use(fd, size) }));
    if (result === undefined) throw new Error(`${paths.name} is not there any more`);
    return result.value;
  };
  return new ElfFile(paths.name, programs.loads, programs.executable, {
    bytes: () => whole((fd, size) => readPart(fd, new Uint8Array(size), 0, size)),
    hasTraces: (name) =>
      whole((fd, size) => {
        // Pages of it that are not filled take no memory.
        const bytes = new Uint8Array(size);
        const steps = tracesOf(bytes, name);
        for (let step = steps.next(); ; step = steps.next()) {
          if (step.done) return step.value;
          readPart(fd, bytes, step.value.offset, step.value.size);
        }
      }),
    debugFile: (bytes) => {
      for (const folder of [...paths.debugDirectories, DEBUG_DIRECTORY]) {
        const found = debugFile(bytes, paths.candidates().at(-1) ?? paths.name, folder);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  });
}

function programsIn(head: Uint8Array): { loads: ProgramHeader[]; executable: boolean } | undefined {
  if (head.length < 64 || head[0] !== 0x7f) return undefined;
  try {
    // Segments may end behind what has been read: only whole files are refused for that.
    const headers = headersOf(padded(withoutSections(head)), '');
    if (headers.type !== ET.EXEC && headers.type !== ET.DYN) return undefined;
    return { loads: loadsOf(headers), executable: headers.type === ET.EXEC };
  } catch {
    return undefined;
  }
}

/** As long as its segments say, so that nobody takes it for a truncated file; only what is touched takes memory. */
function padded(head: Uint8Array): Uint8Array {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const wide = head[4] === 2;
  const table = wide ? Number(view.getBigUint64(32, true)) : view.getUint32(28, true);
  const [size, count] = wide ? [56, view.getUint16(56, true)] : [32, view.getUint16(44, true)];
  let end = head.length;
  for (let at = table; at < table + size * count && at + size <= head.length; at += size) {
    const [offset, bytes] = wide
      ? [Number(view.getBigUint64(at + 8, true)), Number(view.getBigUint64(at + 32, true))]
      : [view.getUint32(at + 4, true), view.getUint32(at + 16, true)];
    end = Math.max(end, Math.min(offset + bytes, LARGEST));
  }
  const bytes = new Uint8Array(end);
  bytes.set(head);
  return bytes;
}

/** `key`: the file must be this one. */
function withFile<T>(
  { candidates, inode }: Paths,
  key: string | undefined,
  use: (fd: number, stat: Stats) => T | undefined,
): T | undefined {
  for (const path of candidates()) {
    let fd: number;
    try {
      fd = openSync(path, NONBLOCKING);
    } catch {
      continue;
    }
    try {
      const stat = fstatSync(fd);
      const right = key === undefined ? inode === 0 || stat.ino === inode : identity(stat) === key;
      if (stat.isFile() && right && stat.size <= LARGEST) return use(fd, stat);
    } finally {
      closeSync(fd);
    }
  }
  return undefined;
}

/** O_RDONLY | O_NONBLOCK: opening a pipe without a writer must not wait. */
const NONBLOCKING = 0o4000;

function readPart(fd: number, bytes: Uint8Array, offset: number, size: number): Uint8Array {
  for (let at = offset; at < offset + size; ) {
    const got = readSync(fd, bytes, at, Math.min(offset + size - at, 2 ** 30), at);
    if (got === 0) throw new Error('it was cut short while it was read');
    at += got;
  }
  return bytes;
}

/**
 * A program that only memory still holds (the vdso; a file that is gone, or not ours to read; one in a core), put together from its
 * segments: no sections, no symbols but the dynamic ones. Undefined where there is none at `start`.
 */
export function elfInMemory(
  name: string,
  start: bigint,
  read: (address: bigint, size: number) => Uint8Array | undefined,
): ElfFile | undefined {
  const head = read(start, PAGE);
  const programs = head && programsIn(head);
  if (head === undefined || programs === undefined || programs.loads.length === 0) return undefined;
  const { loads, executable } = programs;
  const first = loads[0]!;
  const bias = start - BigInt(first.vaddr - (first.vaddr % PAGE));
  const assemble = (): Uint8Array => {
    const bytes = padded(withoutSections(head));
    for (const { vaddr, offset, filesz } of loads) {
      for (let at = 0; at < filesz; ) {
        const size = Math.min(filesz - at, PAGE - ((vaddr + at) % PAGE));
        const part = read(bias + BigInt(vaddr + at), size);
        if (part !== undefined) bytes.set(part, offset + at);
        at += size;
      }
    }
    bytes.set(withoutSections(head).subarray(0, 64));
    return bytes;
  };
  return new ElfFile(name, loads, executable, {
    bytes: assemble,
    hasTraces: () => hasTraces(readImage(assemble(), name)),
    debugFile: (bytes) => debugFile(bytes, name, DEBUG_DIRECTORY),
  });
}
