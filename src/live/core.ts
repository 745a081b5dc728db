/** The core of a dead process, as the kernel or gcore wrote it (core(5), fs/binfmt_elf.c elf_core_dump). Only what is asked for is read. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { USER_REGISTERS } from '../abi/user-registers.js';
import { PAGE } from '../binary/layout.js';
import { NT, PR_REG, RSEQ_NOTE, readRegistration } from '../checkpoint/elf-core.js';
import { auxvIn } from '../linux/procfs.js';
import { reason } from '../node/reason.js';
import type { MapView, Registers } from '../process/process.js';
import { Modules } from './modules.js';
import { Refused } from './refused.js';
import { callIn, type Target, type TargetThread } from './target.js';

const ET_CORE = 4;
const EM_X86_64 = 62;
const PT = { LOAD: 1, NOTE: 4 } as const;
const AT_SYSINFO_EHDR = 33;
/** More segments than this say that their number stands elsewhere (PN_XNUM). */
const PN_XNUM = 0xffff;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly start: bigint;
  /** Bytes in the core, and in memory. */
  readonly held: bigint;
  readonly size: bigint;
}

interface Note {
  readonly owner: string;
  readonly type: number;
  readonly view: DataView;
}

/** The signal that ended a process, as the first thread's notes tell it. */
export interface CoreSignal {
  readonly tid: number;
  readonly signal: number;
  /** si_code; undefined where the core has no NT_SIGINFO. */
  readonly code: number | undefined;
  /** si_addr. */
  readonly address: bigint | undefined;
}

export class CoreProcess implements Target {
  readonly kind = 'core';
  readonly architecture = 'x86-64';
  readonly pid: number;
  readonly name: string;
  readonly command: readonly string[];
  readonly executable: string;
  readonly auxv: ReadonlyMap<number, bigint>;
  readonly maps: readonly MapView[];
  readonly signal: CoreSignal | undefined;
  private readonly segments: readonly Segment[];
  private readonly threadList: TargetThread[] = [];
  private modulesCache: Modules | undefined;

  /** Throws Refused where the file is no such core. */
  constructor(
    readonly path: string,
    private readonly fd: number,
    private readonly size: number,
  ) {
    this.segments = this.programHeaders();
    const notes = this.segments
      .filter(({ type }) => type === PT.NOTE)
      .flatMap((segment) => this.notes(segment));
    const registrations = new Map(
      notes.flatMap(({ owner, type, view }) => {
        const found =
          owner === RSEQ_NOTE.owner && type === RSEQ_NOTE.type ? readRegistration(view) : undefined;
        return found === undefined ? [] : [[found.tid, { name: found.name, rseq: found.rseq }] as const];
      }),
    );
    const of = (type: number): DataView | undefined =>
      notes.find((note) => note.owner === 'CORE' && note.type === type)?.view;
    let signal: CoreSignal | undefined;
    for (const [index, { owner, type, view }] of notes.entries()) {
      if (owner !== 'CORE' || type !== NT.PRSTATUS || view.byteLength < PR_REG + 8 * USER_REGISTERS.length)
        continue;
      const tid = view.getInt32(32, true);
      const known = registrations.get(tid);
      // One that has a note of ours is not dead.
      this.threadList.push({ ...threadOf(view, tid), ...(known && { ...known, state: 'image' }) });
      if (signal !== undefined) continue;
      const own = notes
        .slice(index + 1)
        .find(({ owner, type }) => owner === 'CORE' && (type === NT.SIGINFO || type === NT.PRSTATUS));
      const info = own?.type === NT.SIGINFO ? own.view : undefined;
      const number = info?.getInt32(0, true) ?? view.getInt16(12, true);
      signal = { tid, signal: number, code: info?.getInt32(8, true), address: info?.getBigUint64(16, true) };
    }
    this.signal = signal?.signal === 0 ? undefined : signal;
    if (this.threadList.length === 0)
      throw new Refused(`${path} holds no thread of an x86-64 process; give a core of one`);
    const about = of(NT.PRPSINFO);
    const text = (at: number, length: number): string =>
      about === undefined || about.byteLength < at + length
        ? ''
        : Buffer.from(about.buffer, about.byteOffset + at, length)
            .toString('latin1')
            .replace(/\0.*$/s, '');
    this.pid =
      about === undefined || about.byteLength < 28 ? this.threadList[0]!.tid : about.getInt32(24, true);
    this.name = text(40, 16);
    this.command = text(56, 80).trim().split(' ').filter(Boolean);
    const auxv = of(NT.AUXV);
    this.auxv = auxvIn(
      auxv === undefined ? new Uint8Array() : new Uint8Array(auxv.buffer, auxv.byteOffset, auxv.byteLength),
    );
    const files = filesOf(of(NT.FILE));
    this.maps = this.segments
      .filter(({ type, size }) => type === PT.LOAD && size > 0n)
      .map((segment) => this.mapOf(segment, files));
    this.executable = files[0]?.name ?? this.command[0] ?? this.name;
  }

  static open(path: string): CoreProcess {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      throw new Refused(`cannot read ${path}: ${reason(error)}`);
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile())
        throw new Refused(`${path} is no regular file; give a core, or the number of a process`);
      return new CoreProcess(path, fd, stat.size);
    } catch (error) {
      closeSync(fd);
      if (error instanceof RangeError)
        throw new Refused(`${path} is damaged or cut short; let it be written again (ulimit -c unlimited)`);
      throw error;
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  get modules(): Modules {
    this.modulesCache ??= new Modules({
      maps: () => this.maps,
      paths: ({ name }) => ({ name, candidates: () => [name], inode: 0, debugDirectories: [] }),
      read: (address, size) => this.dumped(address, size),
      sameAs: (map, file) => this.isSame(map, file),
    });
    return this.modulesCache;
  }

  threads(): TargetThread[] {
    return this.threadList;
  }

  /** What the core holds, else what the file behind that memory does: the kernel leaves out what can be had there. */
  read(address: bigint, size: number): Uint8Array | undefined {
    const bytes = this.dumped(address, size);
    if (bytes !== undefined) return bytes;
    const map = this.maps.find(({ start, end }) => address >= start && address + BigInt(size) <= end);
    if (map === undefined || map.writable || !map.name.startsWith('/')) return undefined;
    const module = this.modules.at(address);
    if (module === undefined || module.fromMemory) return undefined;
    const found = module.file.image?.read(Number(address - module.bias) as never, size);
    return found && new Uint8Array(found);
  }

  private dumped(address: bigint, size: number): Uint8Array | undefined {
    const segment = this.segments.find(
      ({ type, start, held }) =>
        type === PT.LOAD && address >= start && address + BigInt(size) <= start + held,
    );
    return segment && this.bytes(segment.offset + Number(address - segment.start), size);
  }

  /** The first page of a file is dumped, for its build ID's sake: it tells whether the file of today is the one of then. */
  private isSame(map: MapView, head: Uint8Array): boolean {
    const own = this.dumped(map.start, Math.min(PAGE, head.length));
    return own === undefined || own.every((byte, index) => byte === head[index]);
  }

  private bytes(offset: number, size: number): Uint8Array | undefined {
    if (offset + size > this.size) return undefined;
    const bytes = new Uint8Array(size);
    return readSync(this.fd, bytes, 0, size, offset) === size ? bytes : undefined;
  }

  private view(offset: number, size: number): DataView {
    const bytes = this.bytes(offset, size);
    if (bytes === undefined) throw new RangeError('cut short');
    return new DataView(bytes.buffer);
  }

  private programHeaders(): Segment[] {
    const magic = this.bytes(0, 64);
    const head = magic && new DataView(magic.buffer);
    if (head === undefined || head.getUint32(0) !== 0x7f454c46)
      throw new Refused(`${this.path} is no ELF core; give a core, or the number of a process`);
    if (head.getUint16(16, true) !== ET_CORE)
      throw new Refused(`${this.path} is a program or library, not a core; rseqlab check looks at those`);
    if (head.getUint8(4) !== 2 || head.getUint16(18, true) !== EM_X86_64)
      throw new Refused(`${this.path} is a core of another architecture; those of x86-64 can be read`);
    const table = Number(head.getBigUint64(32, true));
    let count = head.getUint16(56, true);
    if (count === PN_XNUM) count = this.view(Number(head.getBigUint64(40, true)), 64).getUint32(44, true);
    const headers = this.view(table, 56 * count);
    return Array.from({ length: count }, (_, index) => {
      const at = 56 * index;
      const field = (offset: number): bigint => headers.getBigUint64(at + offset, true);
      return {
        type: headers.getUint32(at, true),
        flags: headers.getUint32(at + 4, true),
        offset: Number(field(8)),
        start: field(16),
        held: field(32),
        size: field(40),
      };
    });
  }

  private notes({ offset, held }: Segment): Note[] {
    const view = this.view(offset, Math.min(Number(held), this.size - offset));
    const found: Note[] = [];
    for (let at = 0; at + 12 <= view.byteLength; ) {
      const [name, length, type] = [
        view.getUint32(at, true),
        view.getUint32(at + 4, true),
        view.getUint32(at + 8, true),
      ];
      const body = at + 12 + 4 * Math.ceil(name / 4);
      if (body + length > view.byteLength) break;
      const owner = Buffer.from(view.buffer, at + 12, Math.max(0, name - 1)).toString('latin1');
      found.push({ owner, type, view: new DataView(view.buffer, body, length) });
      at = body + 4 * Math.ceil(length / 4);
    }
    return found;
  }

  private mapOf({ start, size, flags }: Segment, files: readonly FileNote[]): MapView {
    const end = start + size;
    const file = files.find((each) => each.start <= start && each.end > start);
    const vdso = this.auxv.get(AT_SYSINFO_EHDR) === start;
    return {
      start,
      end,
      readable: (flags & 4) !== 0,
      writable: (flags & 2) !== 0,
      executable: (flags & 1) !== 0,
      shared: false,
      offset: file === undefined ? 0 : file.offset + Number(start - file.start),
      name: file?.name ?? (vdso ? '[vdso]' : ''),
    };
  }
}

/** struct elf_prstatus (include/linux/elfcore.h). */
function threadOf(view: DataView, tid: number): TargetThread {
  const values = USER_REGISTERS.map(
    (name, index) => [name, view.getBigUint64(PR_REG + 8 * index, true)] as const,
  );
  const value = (wanted: string): bigint => values.find(([name]) => name === wanted)![1];
  const registers: Registers = { ip: value('rip'), sp: value('rsp'), values };
  return {
    tid,
    name: '',
    state: 'core',
    cpu: undefined,
    call: callIn(registers),
    threadPointer: value('fs_base'),
    registers,
    rseq: 'unasked',
  };
}

interface FileNote {
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes. */
  readonly offset: number;
  readonly name: string;
}

/** NT_FILE: count, page size, then start, end, offset in pages of each, then their names (fs/binfmt_elf.c fill_files_note). */
function filesOf(view: DataView | undefined): FileNote[] {
  if (view === undefined || view.byteLength < 16) return [];
  const word = (at: number): bigint => view.getBigUint64(at, true);
  const [count, unit] = [Number(word(0)), Number(word(8))];
  const names = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
    .subarray(16 + 24 * count)
    .toString()
    .split('\0');
  return Array.from({ length: count }, (_, index) => {
    const at = 16 + 24 * index;
    return {
      start: word(at),
      end: word(at + 8),
      offset: Number(word(at + 16)) * unit,
      name: names[index] ?? '',
    };
  });
}
