/**
 * A frozen process as an ELF core, such as the kernel writes of one that dies (core(5); fs/binfmt_elf.c elf_core_dump, include/linux/elfcore.h): what
 * stands in front of the contents of memory. Every debugger reads it.
 */
import { joined } from '../abi/bytes.js';
import { USER_REGISTERS } from '../abi/user-registers.js';
import type { RseqConfiguration } from '../process/process.js';

export const CORE_PAGE = 4096;

export interface CoreSegment {
  readonly start: bigint;
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  /** So many bytes from the start on are in the core. */
  readonly held: bigint;
}

export interface CoreFile {
  readonly start: bigint;
  readonly end: bigint;
  /** Bytes. */
  readonly offset: number;
  readonly path: string;
}

export interface CoreThread {
  readonly tid: number;
  readonly name: string;
  /** By struct user_regs_struct's names. */
  readonly registers: Readonly<Record<string, bigint>>;
  /** NT_X86_XSTATE; what FXSAVE knows is its first 512 bytes. */
  readonly extended: Uint8Array;
  /** Signals that wait, and that are blocked: a bit each. */
  readonly pending: bigint;
  readonly blocked: bigint;
  readonly rseq: RseqConfiguration | undefined;
}

export interface CoreContents {
  readonly pid: number;
  readonly name: string;
  readonly command: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly auxv: Uint8Array;
  readonly files: readonly CoreFile[];
  /** The first one is the process's own. */
  readonly threads: readonly CoreThread[];
  /** Ascending. */
  readonly segments: readonly CoreSegment[];
}

/** Types of notes (include/uapi/linux/elf.h). */
export const NT = {
  PRSTATUS: 1,
  FPREGSET: 2,
  PRPSINFO: 3,
  AUXV: 6,
  SIGINFO: 0x53494749,
  FILE: 0x46494c45,
  X86_XSTATE: 0x202,
} as const;
/**
 * A core has no place for what rseq(2) has registered: a note of ours, which debuggers pass over. A thread each: its id (32 bits), 0 (32 bits), struct
 * ptrace_rseq_configuration (address 0: nothing), comm (16 bytes).
 */
export const RSEQ_NOTE = { owner: 'RSEQLAB', type: 0x52534551, size: 48 } as const;

/** Where pr_reg is in struct elf_prstatus, and the size of that. */
export const PR_REG = 112;
const PRSTATUS = 336;
const PRPSINFO = 136;
const SIGINFO = 128;
const FXSAVE = 512;
/** XSAVE uses bytes behind this for itself; FXSAVE leaves them 0. */
const FXSAVE_END = 464;
const EHDR = 64;
const PHDR = 56;
const SHDR = 64;
const PN_XNUM = 0xffff;

/** What stands in front of the first segment, and where in the file the contents of each segment are. */
export function coreHead(core: CoreContents): {
  readonly head: Uint8Array;
  readonly offsets: readonly number[];
  /** Bytes of the whole file. */
  readonly size: number;
} {
  const notes = joined(notesOf(core));
  const count = core.segments.length + 1;
  const tables = EHDR + PHDR * count;
  // More segments than fit 16 bits stand in a section header (elf(5), PN_XNUM).
  const extra = count >= PN_XNUM ? SHDR : 0;
  const start = up(tables + extra + notes.length);
  const offsets: number[] = [];
  let next = start;
  for (const { held } of core.segments) {
    offsets.push(next);
    next += up(Number(held));
  }
  const head = new Uint8Array(start);
  const view = new DataView(head.buffer);
  writeHeader(view, count, extra === 0 ? 0 : tables);
  const row = (
    index: number,
    type: number,
    flags: number,
    at: number,
    address: bigint,
    held: bigint,
    size: bigint,
    align: bigint,
  ): void => {
    const to = EHDR + PHDR * index;
    view.setUint32(to, type, true);
    view.setUint32(to + 4, flags, true);
    for (const [field, value] of [BigInt(at), address, 0n, held, size, align].entries())
      view.setBigUint64(to + 8 + 8 * field, value, true);
  };
  const PT_LOAD = 1;
  const PT_NOTE = 4;
  row(0, PT_NOTE, 0, tables + extra, 0n, BigInt(notes.length), 0n, 4n);
  for (const [index, { start: from, end, readable, writable, executable, held }] of core.segments.entries()) {
    const flags = (readable ? 4 : 0) | (writable ? 2 : 0) | (executable ? 1 : 0);
    row(index + 1, PT_LOAD, flags, offsets[index]!, from, held, end - from, BigInt(CORE_PAGE));
  }
  head.set(notes, tables + extra);
  return { head, offsets, size: next };
}

const up = (value: number): number => Math.ceil(value / CORE_PAGE) * CORE_PAGE;

function writeHeader(view: DataView, count: number, sections: number): void {
  const [ET_CORE, EM_X86_64] = [4, 62];
  // 64 bits, little-endian, version 1.
  for (const [at, byte] of [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].entries()) view.setUint8(at, byte);
  view.setUint16(16, ET_CORE, true);
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(32, BigInt(EHDR), true);
  view.setBigUint64(40, BigInt(sections), true);
  view.setUint16(52, EHDR, true);
  view.setUint16(54, PHDR, true);
  view.setUint16(56, Math.min(count, PN_XNUM), true);
  if (sections === 0) return;
  view.setUint16(58, SHDR, true);
  view.setUint16(60, 1, true);
  // sh_info of the one section.
  view.setUint32(sections + 44, count, true);
}

/** In the kernel's order: the first thread's notes have the process's among them. */
function notesOf(core: CoreContents): Uint8Array[] {
  return core.threads.flatMap((thread, index) => {
    const { extended } = thread;
    const fxsave = new Uint8Array(FXSAVE);
    fxsave.set(extended.subarray(0, FXSAVE_END));
    return [
      note('CORE', NT.PRSTATUS, statusOf(thread)),
      ...(index > 0
        ? []
        : [
            note('CORE', NT.PRPSINFO, aboutOf(core)),
            note('CORE', NT.SIGINFO, new Uint8Array(SIGINFO)),
            note('CORE', NT.AUXV, core.auxv),
            note('CORE', NT.FILE, filesOf(core.files)),
          ]),
      ...(extended.length < FXSAVE
        ? []
        : [note('CORE', NT.FPREGSET, fxsave), note('LINUX', NT.X86_XSTATE, extended)]),
      note(RSEQ_NOTE.owner, RSEQ_NOTE.type, registrationOf(thread)),
    ];
  });
}

function note(owner: string, type: number, content: Uint8Array): Uint8Array {
  const name = text(`${owner}\0`);
  const four = (size: number): number => 4 * Math.ceil(size / 4);
  const bytes = new Uint8Array(12 + four(name.length) + four(content.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, name.length, true);
  view.setUint32(4, content.length, true);
  view.setUint32(8, type, true);
  bytes.set(name, 12);
  bytes.set(content, 12 + four(name.length));
  return bytes;
}

/** struct elf_prstatus; no signal has ended it. */
function statusOf({ tid, registers, pending, blocked }: CoreThread): Uint8Array {
  const bytes = new Uint8Array(PRSTATUS);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(16, pending, true);
  view.setBigUint64(24, blocked, true);
  view.setInt32(32, tid, true);
  for (const [index, name] of USER_REGISTERS.entries())
    view.setBigUint64(PR_REG + 8 * index, registers[name]!, true);
  // pr_fpvalid.
  view.setInt32(PR_REG + 8 * USER_REGISTERS.length, 1, true);
  return bytes;
}

/** struct elf_prpsinfo: stopped. */
function aboutOf({ pid, name, command, uid, gid }: CoreContents): Uint8Array {
  const bytes = new Uint8Array(PRPSINFO);
  const view = new DataView(bytes.buffer);
  const STOPPED = 3;
  view.setUint8(0, STOPPED);
  view.setUint8(1, 'T'.charCodeAt(0));
  view.setUint32(16, uid, true);
  view.setUint32(20, gid, true);
  view.setInt32(24, pid, true);
  bytes.set(text(name).subarray(0, 15), 40);
  bytes.set(text(command.join(' ')).subarray(0, 79), 56);
  return bytes;
}

/** fill_files_note: number, unit of the offsets, then start, end, offset of each, then their names. */
function filesOf(files: readonly CoreFile[]): Uint8Array {
  const words = new BigUint64Array(2 + 3 * files.length);
  words.set([BigInt(files.length), BigInt(CORE_PAGE)]);
  for (const [index, { start, end, offset }] of files.entries())
    words.set([start, end, BigInt(offset / CORE_PAGE)], 2 + 3 * index);
  return joined([new Uint8Array(words.buffer), ...files.map(({ path }) => text(`${path}\0`))]);
}

function registrationOf({ tid, name, rseq }: CoreThread): Uint8Array {
  const bytes = new Uint8Array(RSEQ_NOTE.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, tid, true);
  view.setBigUint64(8, rseq?.address ?? 0n, true);
  view.setUint32(16, rseq?.length ?? 0, true);
  view.setUint32(20, rseq?.signature ?? 0, true);
  view.setUint32(24, rseq?.flags ?? 0, true);
  bytes.set(text(name).subarray(0, 15), 32);
  return bytes;
}

/** What such a note says. */
export function readRegistration(
  view: DataView,
): { readonly tid: number; readonly name: string; readonly rseq: RseqConfiguration | undefined } | undefined {
  if (view.byteLength < RSEQ_NOTE.size) return undefined;
  const address = view.getBigUint64(8, true);
  const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + 32, 16));
  return {
    tid: view.getUint32(0, true),
    name: name.replace(/\0.*$/s, ''),
    rseq:
      address === 0n
        ? undefined
        : { address, length: view.getUint32(16, true), signature: view.getUint32(20, true), flags: view.getUint32(24, true) }, // biome-ignore format: one line
  };
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
