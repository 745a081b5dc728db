/**
 * Memory and call of the machine code of loop.c, in whose words everything here is named. Rows of data before anything else: records lie in one piece of
 * memory each, by index.
 */
import { PTRACE } from '../../abi/ptrace-requests.js';
import { call, functionAt, tryCall, viewOf } from '../libc.js';
import { CODE } from './code.js';

/** Bytes of each field, in the order of loop.c. */
const THREAD = layout({ rseq_cs: 8, tid: 4, memory: 4, column: 4, last: 4, request: 4, unused: 4 });
const SITE = layout({ at: 8, descriptor: 8, count: 8, memory: 4, instance: 4, row: 4, original: 1, planted: 1, wanted: 1, single: 1 }); // biome-ignore format: a struct
const INSTANCE = layout({ window: 8, window_at: 8, list: 8, first: 4, points: 4, exits: 4, leaving: 4, half: 4, pairs: 4, budget: 4, rounds: 4, next: 4, touched: 4 }); // biome-ignore format: a struct
const LOOP = layout({ threads: 8, sites: 8, instances: 8, places: 8, seen: 8, thread_mask: 4, place_mask: 4, columns: 4, quota: 4, tid: 4, status: 4, last: 4, last_tid: 4, stops: 4, changes: 4, word: 8 }); // biome-ignore format: a struct

interface Layout<N extends string> {
  readonly size: number;
  readonly fields: Readonly<Record<N, { readonly offset: number; readonly size: number }>>;
}

function layout<N extends string>(sizes: Readonly<Record<N, number>>): Layout<N> {
  let end = 0;
  const fields = Object.fromEntries(
    Object.entries<number>(sizes).map(([name, size]) => {
      const field = { offset: end, size };
      end += size;
      return [name, field];
    }),
  ) as Layout<N>['fields'];
  return { size: end, fields };
}

/** Records of one struct, one behind the other. Numbers of 8 bytes are addresses and counts: below 2^53. */
export class Records<N extends string> {
  private readonly view: DataView;

  constructor(
    private readonly kind: Layout<N>,
    bytes: Uint8Array,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get(index: number, name: N): number {
    const { offset, size } = this.kind.fields[name];
    const at = index * this.kind.size + offset;
    if (size === 1) return this.view.getUint8(at);
    const low = this.view.getUint32(at, true);
    return size === 4 ? low : low + this.view.getUint32(at + 4, true) * 2 ** 32;
  }

  set(index: number, name: N, value: number): void {
    const { offset, size } = this.kind.fields[name];
    const at = index * this.kind.size + offset;
    if (size === 1) return this.view.setUint8(at, value);
    this.view.setUint32(at, value >>> 0, true);
    if (size === 8) this.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
  }
}

const PROT = { READ_WRITE: 3, READ_EXEC: 5 };
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PAGE = 4096;

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Memory of ours that stays where it is. Throws SystemError. */
function map(size: number): Piece {
  const whole = Math.ceil(Math.max(size, 1) / PAGE) * PAGE;
  const at = call('mmap', 0, whole, PROT.READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  return { at, bytes: viewOf(BigInt(at), whole) };
}

type Run = (loop: bigint) => number | bigint;
let code: { readonly run: Run | undefined } | undefined;

/** Undefined where no code of ours may be executed (SELinux execmem, PR_SET_MDWE). */
function machineCode(): Run | undefined {
  if (code !== undefined) return code.run;
  const { at, bytes } = map(PAGE);
  bytes.set(Buffer.from(CODE, 'base64'));
  const allowed = tryCall('mprotect', at, PAGE, PROT.READ_EXEC) === 0;
  code = { run: allowed ? functionAt(BigInt(at)) : undefined };
  return code.run;
}

export const canLoop = (): boolean => machineCode() !== undefined;

/** How much there is of everything. */
export interface LoopSizes {
  readonly threads: number;
  readonly sites: number;
  readonly instances: number;
  /** Rows of `seen`. */
  readonly rows: number;
  /** Bytes of all windows. */
  readonly windows: number;
  /** Words of all lists. */
  readonly lists: number;
}

/** Of a thread that is gone. Its place in the table may be needed to come to those behind it. */
const GONE = 0xffff_ffff;

const powerOfTwo = (least: number): number => 2 ** Math.ceil(Math.log2(Math.max(least, 2)));

export class StopLoop {
  readonly sites: Records<keyof typeof SITE.fields>;
  readonly instances: Records<keyof typeof INSTANCE.fields>;
  readonly windows: Piece;
  /** u32[]. */
  readonly lists: Piece & { readonly words: Uint32Array };
  private readonly loop: Records<keyof typeof LOOP.fields>;
  private readonly threads: Records<keyof typeof THREAD.fields>;
  private readonly places: Uint32Array;
  private readonly seen: Uint8Array;
  private readonly columns: number;
  private readonly free: number[];
  /** Of the thread table. */
  private readonly slots = new Map<number, number>();
  /** Places that nobody has any more. */
  private gone = 0;
  private readonly pieces: Piece[] = [];
  private readonly loopAt: bigint;

  /** Throws SystemError where there is not so much memory. */
  constructor(private readonly sizes: LoopSizes) {
    const take = (size: number): Piece => {
      const piece = map(size);
      this.pieces.push(piece);
      return piece;
    };
    this.columns = powerOfTwo(sizes.threads);
    const threadSlots = 4 * this.columns;
    const placeSlots = powerOfTwo(2 * sizes.sites);
    const sites = take(sizes.sites * SITE.size);
    const instances = take(sizes.instances * INSTANCE.size);
    const threads = take(threadSlots * THREAD.size);
    const places = take(4 * placeSlots);
    const seen = take(sizes.rows * this.columns);
    const loop = take(LOOP.size);
    const lists = take(4 * sizes.lists);
    this.windows = take(sizes.windows);
    this.lists = { ...lists, words: new Uint32Array(lists.bytes.buffer, lists.bytes.byteOffset) };
    this.sites = new Records(SITE, sites.bytes);
    this.instances = new Records(INSTANCE, instances.bytes);
    this.threads = new Records(THREAD, threads.bytes);
    this.places = new Uint32Array(places.bytes.buffer, places.bytes.byteOffset, placeSlots);
    this.seen = seen.bytes;
    this.loop = new Records(LOOP, loop.bytes);
    this.loopAt = BigInt(loop.at);
    this.free = Array.from({ length: this.columns }, (_, n) => this.columns - 1 - n);
    const set = { threads: threads.at, sites: sites.at, instances: instances.at, places: places.at, seen: seen.at, thread_mask: threadSlots - 1, place_mask: placeSlots - 1, columns: this.columns }; // biome-ignore format: a row
    for (const [name, value] of Object.entries(set)) this.loop.set(0, name as keyof typeof set, value);
  }

  /** Gives the memory back. */
  close(): void {
    for (const { at, bytes } of this.pieces) call('munmap', at, bytes.length);
  }

  /** A site that has its address and memory is found by them from now on. */
  addPlace(site: number): void {
    const at = BigInt(this.sites.get(site, 'at'));
    const memory = BigInt(this.sites.get(site, 'memory'));
    const mixed = BigInt.asUintN(64, (at ^ (memory << 40n)) * 0x9e37_79b9_7f4a_7c15n);
    const mask = this.places.length - 1;
    let place = Number(mixed >> 40n) & mask;
    while (this.places[place] !== 0) place = (place + 1) & mask;
    this.places[place] = site + 1;
  }

  /** False: there is no room for one more. */
  setThread(tid: number, memory: number, rseqCs: number): boolean {
    let slot = this.slots.get(tid);
    if (slot === undefined) {
      const column = this.free.pop();
      if (column === undefined) return false;
      slot = this.slotFor(tid);
      this.slots.set(tid, slot);
      this.threads.set(slot, 'column', column);
      this.threads.set(slot, 'last', 0);
      this.threads.set(slot, 'request', PTRACE.CONT);
      for (let row = 0; row < this.sizes.rows; row++) this.seen[row * this.columns + column] = 0;
      this.threads.set(slot, 'tid', tid);
    }
    this.threads.set(slot, 'memory', memory);
    this.threads.set(slot, 'rseq_cs', rseqCs);
    return true;
  }

  /** How a thread goes on from its next stop: to its next system call, or not. */
  setToSyscall(tid: number, on: boolean): void {
    const slot = this.slots.get(tid);
    if (slot !== undefined) this.threads.set(slot, 'request', on ? PTRACE.SYSCALL : PTRACE.CONT);
  }

  dropThread(tid: number): void {
    const slot = this.slots.get(tid);
    if (slot === undefined) return;
    this.slots.delete(tid);
    this.threads.set(slot, 'tid', GONE);
    this.free.push(this.threads.get(slot, 'column'));
    // A search ends at a place that nobody has had.
    if (++this.gone > this.columns) this.tidy();
  }

  private slotFor(tid: number): number {
    const mask = 4 * this.columns - 1;
    let slot = tid & mask;
    const isTaken = (): boolean => ![0, GONE].includes(this.threads.get(slot, 'tid'));
    while (isTaken()) slot = (slot + 1) & mask;
    return slot;
  }

  private tidy(): void {
    const names = ['rseq_cs', 'memory', 'column', 'last', 'request', 'tid'] as const;
    const kept = [...this.slots.values()].map((slot) => names.map((name) => this.threads.get(slot, name)));
    for (let slot = 0; slot < 4 * this.columns; slot++) this.threads.set(slot, 'tid', 0);
    for (const row of kept) {
      const tid = row.at(-1)!;
      const slot = this.slotFor(tid);
      for (const [n, name] of names.entries()) this.threads.set(slot, name, row[n]!);
      this.slots.set(tid, slot);
    }
    this.gone = 0;
  }

  /** The thread was aborted there before: from now on that is nothing new. */
  setSeen(row: number, tid: number): void {
    const slot = this.slots.get(tid);
    if (slot !== undefined) this.seen[row * this.columns + this.threads.get(slot, 'column')] = 1;
  }

  /** Waits and works until something happens that is not its business: wait4's result and status; undefined: it has done its quota of stops, and nothing waits. */
  run(quota: number): { readonly tid: number; readonly status: number } | undefined {
    this.loop.set(0, 'quota', quota);
    const again = Number(machineCode()!(this.loopAt)) === 1;
    if (again) return undefined;
    return { tid: this.loop.get(0, 'tid') | 0, status: this.loop.get(0, 'status') };
  }

  /** Where the thread has stopped last, since this was asked for last; undefined: nowhere. */
  takeLast(tid: number): number | undefined {
    const slot = this.slots.get(tid);
    const last = slot === undefined ? 0 : this.threads.get(slot, 'last');
    if (last === 0) return undefined;
    this.threads.set(slot!, 'last', 0);
    return last - 1;
  }

  /** Of the last abort. */
  get lastSite(): number {
    return this.loop.get(0, 'last');
  }

  /** Since the last time: stops, how many of them were another thread's than the one before, and whose the last one was. */
  takeStops(): { readonly stops: number; readonly changes: number; readonly tid: number } {
    const get = (name: keyof typeof LOOP.fields): number => this.loop.get(0, name);
    const taken = { stops: get('stops'), changes: get('changes'), tid: get('last_tid') };
    this.loop.set(0, 'stops', 0);
    this.loop.set(0, 'changes', 0);
    return taken;
  }
}
