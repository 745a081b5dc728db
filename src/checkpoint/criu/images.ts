/**
 * The files of CRIU that say something of restartable sequences, as far as that goes: two magic numbers, then messages of protocol buffers with their size
 * (32 bits, little-endian) in front. Numbers of fields: images/*.proto of CRIU 4.2; magic numbers: criu/include/magic.h; bits: criu/include/image.h, pagemap.h.
 */
import { USER_REGISTERS } from '../../abi/user-registers.js';
import { CriuError, damaged, type Fields, type Message, readMessage } from './message.js';

const COMMON = 0x54564319;

/** Kinds of files by what stands behind the common magic. */
const MAGIC = {
  inventory: 0x58313116,
  pstree: 0x50273030,
  core: 0x55053847,
  mm: 0x57492820,
  pagemap: 0x56084025,
  files: 0x56303138,
} as const;

const INVENTORY = { img_version: [1, 'number'] } as const satisfies Fields;
const PSTREE = { pid: [1, 'number'], threads: [5, 'number', 'many'] } as const satisfies Fields;

/** Of user_x86_regs_entry: the numbers are in the order of struct user_regs_struct. */
const REGISTERS = {
  ...(Object.fromEntries(
    USER_REGISTERS.map((name, index) => [name, [index + 1, 'wide']]),
  ) as unknown as Record<(typeof USER_REGISTERS)[number], readonly [number, 'wide']>),
  mode: [28, 'number'],
} as const satisfies Fields;

const CORE = {
  mtype: [1, 'number'],
  thread_info: [2, { clear_tid_addr: [1, 'wide'], gpregs: [2, REGISTERS] }],
  tc: [3, { task_state: [1, 'number'], comm: [6, 'text'] }],
  thread_core: [
    5,
    {
      comm: [13, 'text'],
      rseq_entry: [
        15,
        {
          rseq_abi_pointer: [1, 'wide'],
          rseq_abi_size: [2, 'number'],
          signature: [3, 'number'],
          rseq_cs_pointer: [4, 'wide'],
        },
      ],
    },
  ],
} as const satisfies Fields;

const VMA = {
  start: [1, 'wide'],
  end: [2, 'wide'],
  pgoff: [3, 'wide'],
  shmid: [4, 'wide'],
  prot: [5, 'number'],
  flags: [6, 'number'],
  status: [7, 'number'],
} as const satisfies Fields;

const MM = {
  mm_start_stack: [5, 'wide'],
  mm_arg_start: [8, 'wide'],
  mm_arg_end: [9, 'wide'],
  exe_file_id: [12, 'number'],
  mm_saved_auxv: [13, 'wide', 'many'],
  vmas: [14, VMA, 'many'],
} as const satisfies Fields;

const PAGEMAP_HEAD = { pages_id: [1, 'number'] } as const satisfies Fields;
const PAGEMAP = {
  vaddr: [1, 'wide'],
  compat_nr_pages: [2, 'number'],
  in_parent: [3, 'flag'],
  flags: [4, 'number'],
  nr_pages: [5, 'wide'],
} as const satisfies Fields;

const FILES = {
  id: [2, 'number'],
  reg: [3, { name: [6, 'text'], size: [8, 'wide'] }],
} as const satisfies Fields;

export type CriuCore = Message<typeof CORE>;
export type CriuMemory = Message<typeof MM>;
export type CriuVma = Message<typeof VMA>;

/** CRTOOLS_IMAGES_V1_1: since CRIU 1.6 of 2015, long before it knew rseq (3.17). */
const V1_1 = 2;

/** Throws CriuError: it is not the beginning of a directory that can be read. */
export function checkInventory(bytes: Uint8Array, name: string): void {
  const [first] = payloads(bytes, 'inventory', name, 4);
  if (first === undefined) throw damaged(name);
  const { img_version } = readMessage(first, INVENTORY, name);
  if (img_version !== V1_1)
    throw new CriuError(`${name} is of version ${img_version ?? '?'} of CRIU's images; those of CRIU 1.6 and newer (version ${V1_1}) can be read`); // biome-ignore format: one line
}

export interface CriuProcessEntry {
  readonly pid: number;
  readonly threads: readonly number[];
}

export const readProcesses = (bytes: Uint8Array, name: string): CriuProcessEntry[] =>
  payloads(bytes, 'pstree', name).map((each) => {
    const { pid, threads } = readMessage(each, PSTREE, name);
    if (pid === undefined) throw damaged(name);
    return { pid, threads };
  });

export const readCore = (bytes: Uint8Array, name: string): CriuCore => readMessage(only(payloads(bytes, 'core', name), name), CORE, name); // biome-ignore format: one line
export const readMemory = (bytes: Uint8Array, name: string): CriuMemory => readMessage(only(payloads(bytes, 'mm', name), name), MM, name); // biome-ignore format: one line

export interface CriuFile {
  readonly path: string;
  /** Bytes; undefined where it was not stored. */
  readonly size: number | undefined;
}

/** Regular files by their ids. */
export function readFiles(bytes: Uint8Array, name: string): Map<number, CriuFile> {
  const found = new Map<number, CriuFile>();
  for (const each of payloads(bytes, 'files', name)) {
    const { id, reg } = readMessage(each, FILES, name);
    if (id === undefined || reg?.name === undefined) continue;
    found.set(id, { path: reg.name, size: reg.size === undefined ? undefined : Number(reg.size) });
  }
  return found;
}

/** Pages one behind the other, and where they are. */
export interface CriuRun {
  readonly address: bigint;
  readonly pages: number;
  /** `stored`: in pages-ID.img, from this page of it on; `parent`: in the images that these were made from; `absent`: still to be had of the other machine. */
  readonly where: 'stored' | 'parent' | 'absent';
  readonly first: number;
}

const PE = { PARENT: 1, LAZY: 2, PRESENT: 4 } as const;

export function readPagemap(
  bytes: Uint8Array,
  name: string,
): { readonly id: number; readonly runs: readonly CriuRun[] } {
  const [head, ...entries] = payloads(bytes, 'pagemap', name);
  const id = head && readMessage(head, PAGEMAP_HEAD, name).pages_id;
  if (id === undefined) throw damaged(name);
  let first = 0;
  const runs = entries.map((each): CriuRun => {
    const { vaddr, compat_nr_pages, in_parent, flags = 0, nr_pages } = readMessage(each, PAGEMAP, name);
    const pages = Number(nr_pages ?? compat_nr_pages ?? 0);
    if (vaddr === undefined || !Number.isSafeInteger(pages)) throw damaged(name);
    const lazy = (flags & PE.LAZY) !== 0 && (flags & PE.PRESENT) === 0;
    const where = in_parent || (flags & PE.PARENT) !== 0 ? 'parent' : lazy ? 'absent' : 'stored';
    const run = { address: vaddr, pages, where, first } as const;
    if (where === 'stored') first += pages;
    return run;
  });
  return { id, runs };
}

/** Bits of vma_entry.status. */
export const VMA_STATUS = {
  vsyscall: 1 << 2,
  vdso: 1 << 3,
  heap: 1 << 5,
  filePrivate: 1 << 6,
  fileShared: 1 << 7,
  anonShared: 1 << 8,
  vvar: 1 << 12,
} as const;

function only(payloads: readonly Uint8Array[], name: string): Uint8Array {
  const [first] = payloads;
  if (first === undefined) throw damaged(name);
  return first;
}

/** The messages of a file. `head`: bytes of magic. */
function payloads(bytes: Uint8Array, kind: keyof typeof MAGIC, name: string, head: 4 | 8 = 8): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at, true) : 0);
  if (magic(head - 4) !== MAGIC[kind] || (head === 8 && magic(0) !== COMMON))
    throw new CriuError(
      `${name} is not the ${kind} image of CRIU that its name says; use another copy of the images`,
    );
  const found: Uint8Array[] = [];
  for (let at: number = head; at < bytes.length; ) {
    if (at + 4 > bytes.length) throw damaged(name);
    const size = view.getUint32(at, true);
    if (at + 4 + size > bytes.length) throw damaged(name);
    found.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return found;
}
