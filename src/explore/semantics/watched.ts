import { Machine } from '../../machine/machine.js';
import { GUEST_START } from '../../machine/state.js';

/** Bytes of a word, as memory is divided here: aligned, all or nothing. */
export const WORD = 8;

/** Asked before bytes [at, at + size) are accessed: it may change what the memory holds there. */
export type Watcher = (at: number, size: number, write: boolean) => void;

/**
 * A machine whose memory is looked at through a watcher: what a task finds there is put there when it looks. Translated code has no
 * fast path here.
 */
export class WatchedMachine extends Machine {
  watcher: Watcher | undefined;

  protected override get watched(): boolean {
    return true;
  }

  override load(address: bigint, bytes: number): bigint {
    this.watch(address, bytes, false);
    return super.load(address, bytes);
  }

  override store(address: bigint, value: bigint, bytes: number): void {
    this.watch(address, bytes, true);
    super.store(address, value, bytes);
  }

  override store128(address: bigint, low: bigint, high: bigint): void {
    this.watch(address, 16, true);
    super.store128(address, low, high);
  }

  override read(address: number | bigint, size: number): Uint8Array {
    this.watch(address, size, false);
    return super.read(address, size);
  }

  override write(address: number | bigint, bytes: Uint8Array): void {
    this.watch(address, bytes.length, true);
    super.write(address, bytes);
  }

  /** What is there, whoever may access it. */
  word(at: number): bigint {
    return this.view.getBigUint64(this.offsetOf(at), true);
  }

  setWord(at: number, value: bigint): void {
    this.view.setBigUint64(this.offsetOf(at), value, true);
  }

  private watch(address: number | bigint, size: number, write: boolean): void {
    if (this.watcher === undefined || size === 0) return;
    const at = Number(address);
    if (at >= GUEST_START && at + size <= this.end) this.watcher(at, size, write);
  }
}
