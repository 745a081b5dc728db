import { host, type WasmMemory } from './wasm/host.js';

/**
 * Words at the start of the shared memory: where the tables lie (byte addresses) and what the workers have in common. The code in
 * WebAssembly reads them at every call, so tables may move while no worker runs.
 */
export const HEADER = {
  locals: 1,
  edges: 2,
  nodes: 3,
  rows: 4,
  /** Bytes from one memory's row to the next. */
  rowBytes: 5,
  steps: 6,
  stepMask: 7,
  /** Most edges of one cost that one local has. */
  widest: 8,
  /** Guards `freeChunk` and `chunkFloor`: 1 while one thread has it. */
  lock: 9,
  /** Head of the list of free chunks, 0 none; a free chunk's first word is the next one. */
  freeChunk: 10,
  /** Lowest address used by chunks: they are taken downwards. */
  chunkFloor: 11,
  /** Chunks stay above this address. */
  chunkLimit: 12,
  visited: 13,
  visitedMask: 14,
  /** States in the visited table. */
  states: 15,
  /** Workers stop when there are more states than this: the table must grow. */
  statesLimit: 16,
  /** Not 0: workers come back at the next batch. */
  stop: 17,
  /** Pieces of the frontier to be done: address of pairs (from, to), how many, next one to be taken. */
  pieces: 18,
  pieceCount: 19,
  nextPiece: 20,
  /** Which edges are followed: 0 those of cost 0, 1 the others. */
  phase: 21,
  /** Changes when workers are to begin; they wait on it. */
  round: 22,
  /** Workers that have not come back from this round. */
  running: 23,
  /** Not 0: workers end. */
  quit: 24,
  /** Not 0: some edges are disabled in some memories. */
  disables: 25,
  /** With turns (turns.ts): what locals become, and lists of the turns that leave a memory as it is. */
  images: 26,
  stays: 27,
  /** Of lists of stores the cells, as bits. */
  masks: 28,
} as const;

/** The unit in which the frontier takes memory. */
export const CHUNK = 1 << 16;
const FIRST = 4096;
const PAGE = 1 << 16;
const SMALLEST = 1 << 26;

export class OutOfMemory extends Error {}

/**
 * One shared memory for tables (from below), frontiers (in chunks, from the middle downwards) and the visited table (from the middle up).
 * It is reserved as a whole, and takes real memory only where it is touched.
 */
export class Store {
  readonly memory: WasmMemory;
  readonly i32: Int32Array;
  readonly size: number;
  private top = FIRST;
  private readonly free = new Map<number, number[]>();

  constructor(bytes = 2 ** 32) {
    this.memory = reserve(bytes);
    this.i32 = new Int32Array(this.memory.buffer);
    this.size = this.i32.length * 4;
    this.setHeader('visited', this.middle);
    this.setHeader('chunkFloor', this.middle);
  }

  get middle(): number {
    return this.size / 2;
  }

  header(name: keyof typeof HEADER): number {
    return this.i32[HEADER[name]]! >>> 0;
  }
  setHeader(name: keyof typeof HEADER, value: number): void {
    this.i32[HEADER[name]] = value | 0;
  }

  /** A block of zeros for a table; sizes are rounded up to powers of two. */
  allocate(bytes: number): number {
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(bytes)));
    const old = this.free.get(size)?.pop();
    if (old !== undefined) {
      this.i32.fill(0, old / 4, (old + size) / 4);
      return old;
    }
    if (this.top + size > this.header('chunkFloor')) throw new OutOfMemory();
    const address = this.top;
    this.top += size;
    return address;
  }

  release(address: number, bytes: number): void {
    const size = Math.max(64, 2 ** Math.ceil(Math.log2(bytes)));
    const list = this.free.get(size);
    if (list === undefined) this.free.set(size, [address]);
    else list.push(address);
  }

  /** Bytes taken by the tables of the graph, and by chunks (in use or free). */
  get tableBytes(): number {
    return this.top;
  }
  get chunkBytes(): number {
    return this.middle - this.header('chunkFloor');
  }
}

/** As much as the host gives, up to `bytes`. */
function reserve(bytes: number): WasmMemory {
  for (let size = bytes; ; size /= 2) {
    const pages = Math.ceil(size / PAGE);
    try {
      return new host.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (error) {
      if (size / 2 < SMALLEST) throw error;
    }
  }
}
