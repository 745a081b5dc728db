/** A process in a directory of CRIU's images, looked at without bringing it back. */
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { USER_REGISTERS } from '../abi/user-registers.js';
import { PAGE } from '../binary/layout.js';
import {
  type CriuCore,
  type CriuFile,
  type CriuMemory,
  type CriuProcessEntry,
  type CriuRun,
  type CriuVma,
  checkInventory,
  readCore,
  readFiles,
  readMemory,
  readPagemap,
  readProcesses,
  VMA_STATUS,
} from '../checkpoint/criu/images.js';
import { CriuError, damaged } from '../checkpoint/criu/message.js';
import { reason } from '../node/reason.js';
import type { MapView, Registers, RseqConfiguration } from '../process/process.js';
import type { Modules } from './modules.js';
import { Refused } from './refused.js';
import { StoredMemory } from './stored.js';
import type { Target, TargetThread } from './target.js';

const INVENTORY = 'inventory.img';

export const isCriuDirectory = (path: string): boolean => existsSync(join(path, INVENTORY));

/** Throws Refused. */
function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Refused(`cannot read ${path}: ${reason(error)}`);
  }
}

/** What is in a directory. */
export class CriuImages {
  readonly processes: readonly CriuProcess[];
  private readonly open: PageFile[] = [];

  /** Throws Refused, CriuError. */
  constructor(readonly path: string) {
    try {
      this.processes = this.readAll();
    } catch (error) {
      this.closePages();
      throw error;
    }
  }

  private readAll(): CriuProcess[] {
    const { path } = this;
    const read = <T>(name: string, use: (bytes: Uint8Array, name: string) => T): T =>
      use(bytesOf(join(path, name)), join(path, name));
    read(INVENTORY, checkInventory);
    const files = read('files.img', readFiles);
    return (
      read('pstree.img', readProcesses)
        // Of one that has ended there is no memory.
        .filter(({ pid }) => existsSync(join(path, `mm-${pid}.img`)))
        .map(
          (entry) =>
            new CriuProcess(this, entry, files, read(`mm-${entry.pid}.img`, readMemory), (tid) =>
              read(`core-${tid}.img`, readCore),
            ),
        )
    );
  }

  /** Bytes of all images. */
  get size(): number {
    const names = readdirSync(this.path).filter((name) => name.endsWith('.img'));
    return names.reduce(
      (sum, name) => sum + (statSync(join(this.path, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** The pages of `pagemap-NAME.img`, with those of the images that these were made from. Undefined: there is none. */
  pages(name: string): PageFile | undefined {
    const path = join(this.path, `pagemap-${name}.img`);
    if (!existsSync(path)) return undefined;
    const made = PageFile.open(this.path, name, 0);
    this.open.push(made);
    return made;
  }

  close(): void {
    for (const { memory } of this.processes) memory.close();
    this.closePages();
  }

  private closePages(): void {
    for (const file of this.open.splice(0)) file.close();
  }
}

/** Directories behind each other, each made from the next: more than this is a ring. */
const DEEPEST = 1000;

class PageFile {
  private constructor(
    readonly runs: readonly CriuRun[],
    private readonly name: string,
    private readonly fd: number,
    private readonly size: number,
    private readonly parent: PageFile | undefined,
  ) {}

  /** Throws Refused, CriuError. */
  static open(directory: string, name: string, depth: number): PageFile {
    const map = join(directory, `pagemap-${name}.img`);
    const { id, runs } = readPagemap(bytesOf(map), map);
    const parent = join(directory, 'parent');
    const needsParent = runs.some(({ where }) => where === 'parent');
    if (needsParent && (depth > DEEPEST || !existsSync(join(parent, `pagemap-${name}.img`))))
      throw new CriuError(
        `${map} needs the images that it was made from, and ${resolve(parent)} does not lead to them`,
      );
    const path = join(directory, `pages-${id}.img`);
    const from = needsParent ? PageFile.open(parent, name, depth + 1) : undefined;
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      from?.close();
      throw new Refused(`cannot read ${path}: ${reason(error)}`);
    }
    return new PageFile(runs, path, fd, fstatSync(fd).size, from);
  }

  /** Undefined where it holds none. Throws CriuError where it is cut short. */
  page(address: bigint): Uint8Array | 'absent' | undefined {
    const run = this.runs.find((each) => address >= each.address && address < each.address + BigInt(each.pages * PAGE)); // biome-ignore format: one line
    if (run === undefined) return undefined;
    if (run.where === 'absent') return 'absent';
    if (run.where === 'parent') return this.parent?.page(address);
    const at = run.first * PAGE + Number(address - run.address);
    if (at + PAGE > this.size) throw damaged(this.name);
    const bytes = new Uint8Array(PAGE);
    readSync(this.fd, bytes, 0, PAGE, at);
    return bytes;
  }

  close(): void {
    closeSync(this.fd);
    this.parent?.close();
  }
}

/** march of core.proto. */
const X86_64 = 1;
/** user_x86_regs_mode. */
const COMPAT = 2;

export class CriuProcess implements Target {
  readonly kind = 'criu';
  readonly pid: number;
  readonly name: string;
  readonly executable: string;
  readonly architecture: 'x86-64' | 'i386';
  readonly auxv: ReadonlyMap<number, bigint>;
  readonly maps: readonly MapView[];
  readonly memory: StoredMemory;
  /** What it had mapped. */
  readonly files: readonly string[];
  private readonly cores: readonly { readonly tid: number; readonly core: CriuCore }[];
  private readonly pages: PageFile | undefined;

  /** Throws Refused, CriuError. */
  constructor(
    readonly images: CriuImages,
    { pid, threads }: CriuProcessEntry,
    files: ReadonlyMap<number, CriuFile>,
    private readonly mm: CriuMemory,
    coreOf: (tid: number) => CriuCore,
  ) {
    this.pid = pid;
    this.cores = [pid, ...threads.filter((tid) => tid !== pid)].map((tid) => ({ tid, core: coreOf(tid) }));
    const { core } = this.cores[0]!;
    const wrong = this.cores.find(
      (each) => each.core.mtype !== X86_64 || each.core.thread_info?.gpregs === undefined,
    );
    if (wrong !== undefined)
      throw new CriuError(`${join(images.path, `core-${wrong.tid}.img`)} is of another architecture; those of x86-64 can be read`); // biome-ignore format: one line
    this.architecture = core.thread_info!.gpregs!.mode === COMPAT ? 'i386' : 'x86-64';
    this.executable = files.get(mm.exe_file_id ?? -1)?.path ?? '';
    this.name = core.tc?.comm ?? '';
    const words = mm.mm_saved_auxv;
    this.auxv = new Map(words.flatMap((word, index) => (index % 2 === 1 ? [[Number(words[index - 1]), word] as const] : []))); // biome-ignore format: one line
    const vmas = mm.vmas.map((vma) => ({ vma, map: mapOf(vma, mm, files) }));
    this.maps = vmas.map(({ map }) => map);
    this.files = [...new Set(this.maps.filter(({ name }) => name.startsWith('/')).map(({ name }) => name))];
    this.pages = images.pages(String(pid));
    const shared = new Map<bigint, PageFile | undefined>();
    const sharedPages = (id: bigint): PageFile | undefined => {
      if (!shared.has(id)) shared.set(id, images.pages(`shmem-${id}`));
      return shared.get(id);
    };
    const byMap = new Map(vmas.map(({ vma, map }) => [map, vma]));
    const sizes = new Map([...files.values()].map(({ path, size }) => [path, size]));
    const lazy = (page: Uint8Array | 'absent' | undefined): Uint8Array | undefined =>
      page === 'absent' ? undefined : page;
    this.memory = new StoredMemory({
      maps: this.maps,
      page: (address, map) => {
        const { status = 0, shmid = 0n, pgoff = 0n } = byMap.get(map)!;
        const own = this.pages?.page(address);
        if (own !== undefined || (status & VMA_STATUS.anonShared) === 0) return lazy(own);
        // Addresses are those in the shared object.
        return lazy(sharedPages(shmid)?.page(address - map.start + pgoff));
      },
      behind: (map) => {
        const status = byMap.get(map)!.status ?? 0;
        if ((status & (VMA_STATUS.vvar | VMA_STATUS.vsyscall)) !== 0) return 'nothing';
        return map.name.startsWith('/') ? 'file' : 'zeros';
      },
      isSame: (path, _, size) => (sizes.get(path) ?? size) === size,
    });
  }

  get command(): readonly string[] {
    const { mm_arg_start: from = 0n, mm_arg_end: to = 0n } = this.mm;
    const LONGEST = 4096n;
    const bytes = to > from && to - from <= LONGEST ? this.read(from, Number(to - from)) : undefined;
    return bytes === undefined ? [] : Buffer.from(bytes).toString().split('\0').slice(0, -1);
  }

  get modules(): Modules {
    return this.memory.modules;
  }

  read(address: bigint, size: number): Uint8Array | undefined {
    return this.memory.read(address, size);
  }

  lacks(address: bigint): boolean {
    return this.memory.lacks(address);
  }

  /** Bytes of a map that are in the images. */
  held({ start, end }: MapView): number {
    return (this.pages?.runs ?? []).reduce((sum, { address, pages, where }) => {
      const last = address + BigInt(pages * PAGE);
      const [from, to] = [address > start ? address : start, last < end ? last : end];
      return sum + (where !== 'absent' && to > from ? Number(to - from) : 0);
    }, 0);
  }

  threads(): CriuThread[] {
    return this.cores.map(({ tid, core }) => threadOf(tid, core));
  }
}

export interface CriuThread extends TargetThread {
  readonly registers: Registers;
  readonly rseq: RseqConfiguration | undefined;
  /** Where CRIU will have rseq_cs lead again: of a section that is not to be aborted by signals (NO_RESTART_ON_SIGNAL). */
  readonly putBack: bigint | undefined;
}

function threadOf(tid: number, { thread_info, thread_core, tc }: CriuCore): CriuThread {
  const registers = thread_info!.gpregs!;
  const values = USER_REGISTERS.map((name) => [name, registers[name] ?? 0n] as const);
  const { rseq_abi_pointer: address = 0n, rseq_abi_size: length = 0, signature = 0, rseq_cs_pointer } = thread_core?.rseq_entry ?? {}; // biome-ignore format: one line
  return {
    tid,
    name: thread_core?.comm ?? tc?.comm ?? '',
    state: 'image',
    cpu: undefined,
    // A call that was interrupted is made again: CRIU has put the thread in front of it.
    call: undefined,
    threadPointer: registers.fs_base,
    registers: { ip: registers.rip ?? 0n, sp: registers.rsp ?? 0n, values },
    // CRIU stores no flags, and registers with none.
    rseq: address === 0n ? undefined : { address, length, signature, flags: 0 },
    putBack: rseq_cs_pointer === 0n ? undefined : rseq_cs_pointer,
  };
}

const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;
const MAP_SHARED = 1;

function mapOf(
  { start = 0n, end = 0n, pgoff = 0n, shmid = 0n, prot = 0, flags = 0, status = 0 }: CriuVma,
  { mm_start_stack = 0n }: CriuMemory,
  files: ReadonlyMap<number, CriuFile>,
): MapView {
  const names: readonly (readonly [number, string])[] = [
    [VMA_STATUS.filePrivate | VMA_STATUS.fileShared, files.get(Number(shmid))?.path ?? ''],
    [VMA_STATUS.vsyscall, '[vsyscall]'],
    [VMA_STATUS.vdso, '[vdso]'],
    [VMA_STATUS.vvar, '[vvar]'],
    [VMA_STATUS.heap, '[heap]'],
  ];
  const name = names.find(([bits]) => (status & bits) !== 0)?.[1];
  return {
    start,
    end,
    readable: (prot & PROT.READ) !== 0,
    writable: (prot & PROT.WRITE) !== 0,
    executable: (prot & PROT.EXEC) !== 0,
    shared: (flags & MAP_SHARED) !== 0,
    offset: Number(pgoff),
    name: name ?? (start <= mm_start_stack && mm_start_stack < end ? '[stack]' : ''),
  };
}
