import { closeSync, openSync } from 'node:fs';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { addressOf, fastCall } from '../../linux/libc.js';

const { pread64, pwrite64 } = SYSCALLS_X86_64 as { pread64: number; pwrite64: number };

const INT3 = 0xcc;
/** What goes through is copied here: its address is known. */
const buffer = new Uint8Array(4096);
const bufferView = new DataView(buffer.buffer);
let bufferAddress = 0;

/** A breakpoint, or one that was there: a thread that ran onto it may still have to tell of it. */
export interface Breakpoint {
  readonly at: number;
  /** The byte that belongs there. */
  original: number;
  planted: boolean;
  /** Space.epoch when the original byte was read. */
  epoch: number;
}

/**
 * The memory of one process, or of several that share it (vfork), with the breakpoints in it. It goes through /proc/TID/mem, which means this memory as
 * long as it is open, also after an exec, and writes code that nobody may write, on copies of the pages (proc(5), FOLL_FORCE).
 */
export class Space {
  private fd: number;
  readonly breakpoints = new Map<number, Breakpoint>();
  /** Processes that have this memory. */
  users = 0;

  /** Throws an error of Node's with EACCES, EPERM, ENOENT. */
  constructor(tid: number) {
    this.fd = openSync(`/proc/${tid}/mem`, 'r+');
  }

  /** Counts up when something else may be mapped where breakpoints were. */
  private epoch = 0;

  /** Maps have changed: breakpoints went with the memory that they were in. */
  remapped(): void {
    this.epoch++;
    for (const breakpoint of this.breakpoints.values())
      if (breakpoint.planted && this.byte(breakpoint.at) !== INT3) breakpoint.planted = false;
  }

  read(address: number, size: number): Uint8Array | undefined {
    return this.fill(address, size) ? buffer.slice(0, size) : undefined;
  }

  /** The descriptor of its memory. */
  get memory(): number {
    return this.fd;
  }

  /** A word of 8 bytes; undefined where none can be read. */
  word(address: number): bigint | undefined {
    return this.fill(address, 8) ? bufferView.getBigUint64(0, true) : undefined;
  }

  /** False where not all of it could be written; also what the process itself may not write. */
  write(address: number, bytes: Uint8Array): boolean {
    return fastCall(pwrite64, this.fd, Number(addressOf(bytes)), bytes.length, address) === bytes.length;
  }

  private byte(address: number): number | undefined {
    return this.fill(address, 1) ? buffer[0] : undefined;
  }

  private fill(address: number, size: number): boolean {
    bufferAddress ||= Number(addressOf(buffer));
    return fastCall(pread64, this.fd, bufferAddress, size, address) === size;
  }

  private put(address: number, byte: number): boolean {
    bufferAddress ||= Number(addressOf(buffer));
    buffer[0] = byte;
    return fastCall(pwrite64, this.fd, bufferAddress, 1, address) === 1;
  }

  /**
   * An int3 in front of an instruction: a store of one byte, which processors take in whole while they run there (Intel SDM volume 3, 9.1.3, on int3).
   * False where nothing can be written. Every thread with this memory must be traced, or it dies there.
   */
  plant(at: number): boolean {
    const known = this.known(at);
    if (known?.planted) return true;
    if (known === undefined || !this.put(at, INT3)) return false;
    known.planted = true;
    return true;
  }

  /** The breakpoint of an address, planted or not; undefined where none can be: nothing can be read, or an int3 is there already. */
  known(at: number): Breakpoint | undefined {
    const known = this.breakpoints.get(at);
    if (known !== undefined && (known.planted || known.epoch === this.epoch)) return known;
    const original = this.byte(at);
    if (original === undefined || original === INT3) return undefined;
    // The same object as before: others hold it.
    const made = known ?? { at, original, planted: false, epoch: this.epoch };
    made.original = original;
    made.epoch = this.epoch;
    this.breakpoints.set(at, made);
    return made;
  }

  /** Where a breakpoint was, and is no more, the program has put an int3 of its own. */
  isOwn({ at, planted }: Breakpoint): boolean {
    return !planted && this.byte(at) === INT3;
  }

  /** The int3 gives way to what was there; a thread that has run onto it is told of all the same. `sure`: one has just run onto it. */
  remove(at: number, sure = false): void {
    const known = this.breakpoints.get(at);
    if (!known?.planted) return;
    known.planted = false;
    // Where the memory is another now (munmap, dlclose), nothing of ours is in it.
    if (sure || this.byte(at) === INT3) this.put(at, known.original);
  }

  removeAll(): void {
    for (const at of this.breakpoints.keys()) this.remove(at);
  }

  /** After fork(2), a copy of this memory: it holds the breakpoints that were planted at that moment. */
  copyTo(child: Space): void {
    for (const [at, breakpoint] of this.breakpoints) {
      child.breakpoints.set(at, { ...breakpoint, planted: child.byte(at) === INT3 });
    }
  }

  /** What is read and written from now on is not there: the descriptor's number may mean another file soon. */
  close(): void {
    closeSync(this.fd);
    this.fd = -1;
  }
}
