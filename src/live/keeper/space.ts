import { closeSync, openSync } from 'node:fs';
import { tryCall } from '../../linux/libc.js';

const INT3 = Uint8Array.of(0xcc);

/** A breakpoint, or one that was there: a thread that ran onto it may still have to tell of it. */
export interface Breakpoint {
  readonly at: number;
  /** The byte that belongs there. */
  readonly original: Uint8Array;
  planted: boolean;
  /** For whoever planted it. */
  readonly data: unknown;
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

  read(address: number, size: number): Uint8Array | undefined {
    const bytes = new Uint8Array(size);
    return this.readInto(address, bytes) ? bytes : undefined;
  }

  /** Into memory of ours: for what is asked often. */
  readInto(address: number, bytes: Uint8Array): boolean {
    return tryCall('pread64', this.fd, bytes, bytes.length, address) === bytes.length;
  }

  write(address: number, bytes: Uint8Array): boolean {
    return tryCall('pwrite64', this.fd, bytes, bytes.length, address) === bytes.length;
  }

  /**
   * An int3 in front of an instruction: a store of one byte, which processors take in whole while they run there (Intel SDM volume 3, 9.1.3, on int3).
   * False where nothing can be written. Every thread with this memory must be traced, or it dies there.
   */
  plant(at: number, data: unknown): boolean {
    const known = this.breakpoints.get(at);
    const original = known?.planted ? known.original : this.read(at, 1);
    if (original === undefined || (known?.planted !== true && original[0] === INT3[0])) return false;
    if (!known?.planted && !this.write(at, INT3)) return false;
    this.breakpoints.set(at, { at, original, planted: true, data });
    return true;
  }

  /** The int3 gives way to what was there. A thread that has run onto it is told of all the same. */
  remove(at: number): void {
    const known = this.breakpoints.get(at);
    if (!known?.planted) return;
    known.planted = false;
    // Where the memory is another now (munmap, dlclose), nothing of ours is in it.
    if (this.read(at, 1)?.[0] === INT3[0]) this.write(at, known.original);
  }

  removeAll(): void {
    for (const at of this.breakpoints.keys()) this.remove(at);
  }

  /** After fork(2), a copy of this memory: it holds the breakpoints that were planted at that moment. */
  copyTo(child: Space): void {
    for (const [at, breakpoint] of this.breakpoints) {
      const planted = child.read(at, 1)?.[0] === INT3[0] && breakpoint.original[0] !== INT3[0];
      child.breakpoints.set(at, { ...breakpoint, planted });
    }
  }

  /** What is read and written from now on is not there: the descriptor's number may mean another file soon. */
  close(): void {
    closeSync(this.fd);
    this.fd = -1;
  }
}
