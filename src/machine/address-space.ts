import {
  blockOf,
  endsBlock,
  FOLDED_END,
  type Fold,
  foldedAt,
  foldedRanges,
  isInMemory,
  unfolded,
} from './fold.js';
import { type Access, type FaultReason, PageFault } from './page-fault.js';
import { changePages, differences, PAGES, type PageImage, type PageTree } from './page-tree.js';
import { giveMemory, takeMemory } from './pool.js';
import { GUEST_END, GUEST_START, PAGE, PAGE_BLOCKS, PAGE_FLAGS, PAGE_SIZE, WITH_NEXT } from './state.js';
import type { WasmMemory } from './wasm/host.js';

/** An address space at one moment: contents and permissions, no registers. Stays valid whatever becomes of the space it is from. */
export interface Snapshot {
  readonly tree: PageTree;
  readonly touchedPages: number;
}

/** What is known of a page besides PAGE's bits, which say what the program may do with it. */
const MAPPED = 8;
/** Somebody has written to it: it takes room. */
const TOUCHED = 16;
/** Somebody has written to it since the last snapshot. */
const DIRTY = 32;
/** Code on it has been translated. */
const CODE = 64;

/** Somebody is to know when a part of it is written to. */
const GUARDED = 128;

const OWN = PAGE.READ | PAGE.WRITE | PAGE.EXECUTE;
/** A page that may be written or executed can be read: page tables have no bit for reading (Intel SDM vol. 3, 4.6.1). */
const NEEDED: Readonly<Record<Access, number>> = { read: OWN, write: PAGE.WRITE, execute: PAGE.EXECUTE };

/** What the fast path may do with a page of these bits: write only where it has been written to before, has no code and is not guarded. */
const FAST = Uint8Array.from({ length: 256 }, (_, info) => {
  if ((info & MAPPED) === 0 || (info & OWN) === 0) return 0;
  const writes = (info & PAGE.WRITE) !== 0 && (info & DIRTY) !== 0 && (info & (CODE | GUARDED)) === 0;
  return PAGE.READ | (writes ? PAGE.WRITE : 0);
});

/** Images of pages without bytes, by their flags and block: one object each, so that trees of equal pages are equal. */
const EMPTY = new Map<number, PageImage>();

function emptyPage(flags: number, block: number): PageImage {
  const key = block * (OWN + 1) + flags;
  let image = EMPTY.get(key);
  if (image === undefined) {
    image = { flags, block, bytes: undefined };
    EMPTY.set(key, image);
  }
  return image;
}

/** Bytes [start, end) of the program's memory, and who is told before one of them is written. */
export interface Guard {
  readonly start: number;
  readonly end: number;
  readonly written: () => void;
}

/** Thrown in front of a store that makes translated code wrong, maybe the code under way: what was made of it is dropped, nothing is stored. */
export class CodeChanged extends Error {}

/**
 * Memory of a program. The first write to a page after it is mapped, after a snapshot or after code on it was translated goes the slow
 * path, which counts it, marks it, and drops translations; the others do not come by here. Addresses are numbers, or bigints where
 * they come from registers; whatever lies above `end` is not mapped. In a folded space a program's addresses are those of a real process.
 */
export class AddressSpace {
  readonly memory: WasmMemory = takeMemory();
  protected readonly bytes = new Uint8Array(this.memory.buffer);
  private readonly fast = this.bytes.subarray(PAGE_FLAGS, PAGE_FLAGS + PAGES);
  /** By where pages lie in memory, as all lists of pages here. */
  private readonly pages = new Uint8Array(PAGES);
  private readonly blocks = new Uint16Array(this.memory.buffer, PAGE_BLOCKS, PAGES);
  /** The first address that the program cannot have. */
  protected readonly end: number;
  private tree: PageTree;
  private dirty: number[] = [];
  private touched = 0;
  private guarded: readonly Guard[] = [];
  /** How many pages may be touched: a write beyond faults with the reason 'limit'. */
  pageLimit = Number.POSITIVE_INFINITY;
  /** Counts translations that were dropped. */
  codeVersion = 0;
  /** Is translated code under way, which a change to code may concern? */
  running = false;
  /** Told of bytes [start, end) of a page with translated code before they change. Is there still code on the page then? */
  codeChanged: (start: number, end: number) => boolean = () => false;

  /**
   * Asked where a page does not allow an access, before that becomes a PageFault: true, where the page now allows it (protect was called:
   * a page that had never been touched, a copy of shared memory that was out of date). It may change what any page holds and allows.
   */
  onMissing: ((address: number, access: Access) => boolean) | undefined;

  constructor(readonly fold?: Fold) {
    this.end = fold === undefined ? GUEST_END : FOLDED_END;
  }

  /** Every access of the program goes the slow path: through load and store of the machine. */
  protected get watched(): boolean {
    return false;
  }

  /** Pages that somebody has written to and that are still mapped: what the space takes of the host's memory. */
  get touchedPages(): number {
    return this.touched;
  }

  /** What the program may do with a page (PAGE bits; 0 is PROT_NONE); undefined where it is not mapped. */
  permission(page: number): number | undefined {
    const info = this.infoAt(page * PAGE_SIZE);
    return (info & MAPPED) === 0 ? undefined : info & OWN;
  }

  /**
   * Maps pages, which then read as zeros, and changes the permissions of those that are mapped already, which keep what they hold. Address
   * and size are multiples of PAGE_SIZE, within what programs can have, and nothing else
   * of the program may lie there (RangeError).
   */
  protect(address: number, size: number, flags: number): void {
    const own = flags & OWN;
    for (const { first, end, block } of this.ranges(address, size)) {
      for (let page = first; page < end; page++) {
        const info = this.pages[page]!;
        if ((info & CODE) !== 0 && (own & PAGE.EXECUTE) === 0) this.dropCode(page);
        this.pages[page] = (this.pages[page]! & ~OWN) | MAPPED | own;
        if (this.fold !== undefined) this.blocks[page] = block;
      }
      this.tree = changePages(this.tree, first, end, (image) =>
        image?.bytes === undefined ? emptyPage(own, block) : { flags: own, block, bytes: image.bytes },
      );
      this.refresh(first, end);
    }
  }

  /** Takes pages away. Costs what was touched of them. */
  unmap(address: number, size: number): void {
    for (const { first, end } of this.ranges(address, size)) {
      for (let page = first; page < end; page++) {
        const info = this.pages[page]!;
        if (info === 0) continue;
        if ((info & CODE) !== 0) this.dropCode(page);
        if ((info & TOUCHED) !== 0) this.empty(page);
        this.pages[page] = 0;
        if (this.fold !== undefined) this.blocks[page] = 0;
      }
      this.tree = changePages(this.tree, first, end, () => undefined);
      this.refresh(first, end);
    }
  }

  /** A copy of what the program may read. Throws PageFault. */
  read(address: number | bigint, size: number): Uint8Array {
    return this.copy(this.allowed(address, size, 'read'), size);
  }

  /** Writes where the program may write. Throws PageFault with nothing written. */
  write(address: number | bigint, bytes: Uint8Array): void {
    const start = this.allowed(address, bytes.length, 'write');
    // Page by page: two may show the same page of a shared file, so that only one of them can be written at a time.
    for (let done = 0; done < bytes.length; ) {
      const at = start + done;
      const part = bytes.subarray(done, done + PAGE_SIZE - (at % PAGE_SIZE));
      this.put(at, this.allowed(at, part.length, 'write'), part);
      done += part.length;
    }
  }

  /** A copy of what is mapped, whatever the program may do with it (ptrace). Throws PageFault. */
  peek(address: number | bigint, size: number): Uint8Array {
    return this.copy(this.mapped(address, size, 'read'), size);
  }

  /** Writes what is mapped, whatever the program may do with it (the loader, ptrace). Throws PageFault with nothing written. */
  poke(address: number | bigint, bytes: Uint8Array): void {
    const start = this.mapped(address, bytes.length, 'write');
    this.put(address, start, bytes);
  }

  /** The space as it is now. Costs what has changed since the last snapshot; the space goes on from it. */
  snapshot(): Snapshot {
    for (const page of this.takeDirty()) {
      const start = page * PAGE_SIZE;
      const image = this.imageOf(page, this.bytes.slice(start, start + PAGE_SIZE));
      this.tree = changePages(this.tree, page, page + 1, () => image);
      this.pages[page]! &= ~DIRTY;
      this.refresh(page, page + 1);
    }
    return { tree: this.tree, touchedPages: this.touched };
  }

  /** Back to a snapshot, of this space or another. Costs what differs from the last one taken or restored, and what was written since. */
  restore({ tree, touchedPages }: Snapshot): void {
    for (const page of this.takeDirty()) {
      // An image of its own, which is no snapshot's: what was written differs from all of them.
      const image = this.imageOf(page, WRITTEN);
      this.tree = changePages(this.tree, page, page + 1, () => image);
    }
    differences(this.tree, tree, (first, end, from, to) => this.become(first, end, from, to));
    this.tree = tree;
    this.touched = touchedPages;
  }

  /**
   * Is the access allowed to the program? Called by translated code where its own look at the page's fast bits does not settle it: two
   * pages, a first write, or not at all. After `undefined` the access can be made, as plain bytes of the memory.
   */
  protected check(address: bigint, size: number, access: 'read' | 'write'): PageFault | undefined {
    const fault = this.fault(address, size, NEEDED[access], access);
    if (fault !== undefined || access === 'read') return fault;
    const start = Number(address);
    return this.claim(address, start, start + size);
  }

  /** The program's jump to where it may not execute. */
  executeFault(address: bigint): PageFault | undefined {
    return this.fault(address, 1, PAGE.EXECUTE, 'execute');
  }

  private imageOf(page: number, bytes: Uint8Array): PageImage {
    return { flags: this.pages[page]! & OWN, block: this.fold === undefined ? 0 : this.blocks[page]!, bytes };
  }

  /** From now on `codeChanged` is told of changes to bytes of this page of the program. */
  markCode(page: number): void {
    const place = this.pageAt(page * PAGE_SIZE);
    this.pages[place]! |= CODE;
    this.refresh(place, place + 1);
  }

  /** Guards these from now on, and no others. Each lies in a page; what is not mapped cannot be written. */
  guard(guarded: readonly Guard[]): void {
    const mark = (own: readonly Guard[], bit: number): void => {
      for (const { start } of own) {
        const page = this.pageAt(start);
        this.pages[page] = (this.pages[page]! & ~GUARDED) | bit;
        this.refresh(page, page + 1);
      }
    };
    mark(this.guarded, 0);
    this.guarded = guarded.filter(({ start }) => (this.infoAt(start) & MAPPED) !== 0);
    mark(this.guarded, GUARDED);
  }

  /** Gives the memory back for the next space. This one must not be used again. */
  dispose(): void {
    this.restore({ tree: undefined, touchedPages: 0 });
    this.bytes.fill(0, 0, GUEST_START);
    giveMemory(this.memory);
  }

  /** Where a range lies in memory, in pages. */
  private ranges(address: number, size: number): { first: number; end: number; block: number }[] {
    const wrong = (): never => {
      throw new RangeError(`not a range of pages: ${address}, ${size} bytes`);
    };
    if (
      address % PAGE_SIZE !== 0 ||
      size % PAGE_SIZE !== 0 ||
      address < GUEST_START ||
      address + size > this.end
    )
      wrong();
    if (this.fold === undefined)
      return [{ first: address / PAGE_SIZE, end: (address + size) / PAGE_SIZE, block: 0 }];
    return foldedRanges(this.fold, address, address + size).map((range) => {
      const { start, end, block } = range;
      const [first, last] = [start / PAGE_SIZE, end / PAGE_SIZE];
      if (!isInMemory(range)) wrong();
      for (let page = first; page < last; page++)
        if ((this.pages[page]! & MAPPED) !== 0 && this.blocks[page] !== block) wrong();
      return { first, end: last, block };
    });
  }

  /** Where in memory an address lies, that is in a page of the program. */
  protected offsetOf(address: number): number {
    return this.fold === undefined ? address : foldedAt(this.fold, address);
  }

  private pageAt(address: number): number {
    return Math.floor(this.offsetOf(address) / PAGE_SIZE);
  }

  /** The address of a page that is mapped. */
  private addressOf(page: number): number {
    return this.fold === undefined
      ? page * PAGE_SIZE
      : unfolded(this.fold, page * PAGE_SIZE, this.blocks[page]!);
  }

  /** The fault of an access, if it has one: its first page that has none of the wanted bits. */
  private fault(
    address: number | bigint,
    size: number,
    wanted: number,
    access: Access,
  ): PageFault | undefined {
    const start = Number(address);
    // Above what programs can have a number is not exact, and need not be.
    if (start >= this.end && size > 0) return fault(address, start, start, access, 'unmapped');
    const end = start + size;
    for (let at = start; at < end; at = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE) {
      let info = this.infoAt(at);
      if ((info & wanted) === 0 && at < this.end && this.ask(at, access)) info = this.infoAt(at);
      if ((info & wanted) !== 0) continue;
      return fault(address, start, at, access, (info & MAPPED) === 0 ? 'unmapped' : 'forbidden');
    }
    return undefined;
  }

  private ask(address: number, access: Access): boolean {
    if (this.onMissing === undefined) return false;
    const { codeVersion, running } = this;
    this.running = false;
    const allowed = this.onMissing(address, access);
    this.running = running;
    if (this.codeVersion !== codeVersion && running) throw new CodeChanged();
    return allowed;
  }

  private infoAt(address: number): number {
    if (address >= this.end) return 0;
    const page = this.pageAt(address);
    if (this.fold !== undefined && this.blocks[page] !== blockOf(address)) return 0;
    return this.pages[page]!;
  }

  private allowed(address: number | bigint, size: number, access: 'read' | 'write'): number {
    const found = this.fault(address, size, NEEDED[access], access);
    if (found !== undefined) throw found;
    return Number(address);
  }

  private mapped(address: number | bigint, size: number, access: 'read' | 'write'): number {
    const found = this.fault(address, size, MAPPED, access);
    if (found !== undefined) throw found;
    return Number(address);
  }

  protected copy(start: number, size: number): Uint8Array {
    if (this.fold === undefined) return this.bytes.slice(start, start + size);
    const copy = new Uint8Array(size);
    for (const { at, from, length } of piecesOf(this.fold, start, size))
      copy.set(this.bytes.subarray(from, from + length), at);
    return copy;
  }

  private put(address: number | bigint, start: number, bytes: Uint8Array): void {
    const refused = this.claim(address, start, start + bytes.length);
    if (refused !== undefined) throw refused;
    if (this.fold === undefined) this.bytes.set(bytes, start);
    else
      for (const { at, from, length } of piecesOf(this.fold, start, bytes.length))
        this.bytes.set(bytes.subarray(at, at + length), from);
  }

  /** Marks pages as written to, before they are. A fault where that would be more than the limit. */
  private claim(address: number | bigint, start: number, end: number): PageFault | undefined {
    const pages = this.pages;
    for (let at = start; at < end; at = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE) {
      const page = this.pageAt(at);
      const info = pages[page]!;
      if ((info & GUARDED) !== 0)
        for (const each of this.guarded) if (each.start < end && start < each.end) each.written();
      if ((info & CODE) !== 0) {
        const { codeVersion } = this;
        const stop = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE;
        if (!this.codeChanged(at, Math.min(end, stop))) pages[page]! &= ~CODE;
        if (this.codeVersion !== codeVersion && this.running) throw new CodeChanged();
      }
      if ((info & TOUCHED) === 0) {
        if (this.touched >= this.pageLimit) return fault(address, start, at, 'write', 'limit');
        this.touched++;
      }
      if ((info & DIRTY) === 0) this.dirty.push(page);
      pages[page]! |= TOUCHED | DIRTY;
      if (pages[page] !== info) this.refresh(page, page + 1);
    }
    return undefined;
  }

  /** Pages written to since the last snapshot, each once; the list is empty then. */
  private takeDirty(): number[] {
    const all = this.dirty.filter((page) => (this.pages[page]! & DIRTY) !== 0);
    this.dirty = [];
    return all.length < 2 ? all : [...new Set(all)];
  }

  /** Pages [first, end) change from one image to another. */
  private become(first: number, end: number, from: PageImage | undefined, to: PageImage | undefined): void {
    const info = to === undefined ? 0 : MAPPED | to.flags | (to.bytes === undefined ? 0 : TOUCHED);
    const sameBytes = from?.bytes === to?.bytes;
    const keepsCode = sameBytes && to !== undefined && (to.flags & PAGE.EXECUTE) !== 0;
    for (let page = first; page < end; page++) {
      const before = this.pages[page]!;
      if ((before & CODE) !== 0 && !keepsCode) this.dropCode(page);
      if (!sameBytes) {
        if (to?.bytes === undefined) this.bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
        else this.bytes.set(to.bytes, page * PAGE_SIZE);
      }
      this.pages[page] = info | (this.pages[page]! & CODE);
      if (this.fold !== undefined) this.blocks[page] = to?.block ?? 0;
    }
    this.refresh(first, end);
  }

  private dropCode(page: number): void {
    const address = this.addressOf(page);
    this.codeChanged(address, address + PAGE_SIZE);
    this.pages[page]! &= ~CODE;
  }

  private empty(page: number): void {
    this.bytes.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    this.touched--;
  }

  /** Makes the fast bits of pages [first, end) anew, and of the one in front, which knows what the next one allows. */
  private refresh(first: number, end: number): void {
    const { fast, pages } = this;
    let next = FAST[pages[end] ?? 0]!;
    for (let page = end - 1; page >= Math.max(0, first - 1); page--) {
      const own = FAST[pages[page]!]!;
      fast[page] = this.watched ? 0 : own | ((own & (this.goesOn(page) ? next : 0)) << WITH_NEXT);
      next = own;
    }
  }

  /** Is the next page in memory the program's next one too? */
  private goesOn(page: number): boolean {
    if (this.fold === undefined) return true;
    return this.blocks[page] === this.blocks[page + 1] && !endsBlock(this.addressOf(page));
  }
}

/** Bytes of a folded space, page by page: `from` in memory are those from `at` on. */
function* piecesOf(
  fold: Fold,
  start: number,
  size: number,
): Generator<{ at: number; from: number; length: number }> {
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, PAGE_SIZE - ((start + at) % PAGE_SIZE));
    yield { at, from: foldedAt(fold, start + at), length };
    at += length;
  }
}

const WRITTEN = new Uint8Array(0);

/** The access began at `start`; its first bad byte is at `at`. The address itself may be too large for a number. */
const fault = (
  address: number | bigint,
  start: number,
  at: number,
  access: Access,
  reason: FaultReason,
): PageFault => new PageFault(BigInt.asUintN(64, BigInt(address) + BigInt(at - start)), access, reason);
