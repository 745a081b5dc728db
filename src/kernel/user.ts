import type { Machine } from '../machine/machine.js';
import { PageFault } from '../machine/page-fault.js';
import { PAGE_SIZE } from '../machine/state.js';
import { Errno } from './errno.js';

/** For words on their way: making a view of memory for each costs more than the access. */
const word = new Uint8Array(8);
const half = word.subarray(0, 4);
const view = new DataView(word.buffer);

/**
 * The kernel's accesses to a program's memory (copy_from_user, copy_to_user): the program's own permissions count. All throw EFAULT.
 * Addresses are bigint as they stand in registers.
 */
export class UserMemory {
  constructor(private readonly machine: Machine) {}

  /** A copy. */
  read(address: bigint, size: number): Uint8Array {
    return orFault(() => this.machine.read(address, size));
  }

  write(address: bigint, bytes: Uint8Array): void {
    orFault(() => this.machine.write(address, bytes));
  }

  u32(address: bigint): number {
    word.set(this.read(address, 4));
    return view.getUint32(0, true);
  }

  i32(address: bigint): number {
    return this.u32(address) | 0;
  }

  u64(address: bigint): bigint {
    word.set(this.read(address, 8));
    return view.getBigUint64(0, true);
  }

  setU32(address: bigint, value: number): void {
    view.setUint32(0, value, true);
    this.write(address, half);
  }

  setU64(address: bigint, value: bigint): void {
    view.setBigUint64(0, value, true);
    this.write(address, word);
  }

  /** Up to the 0 byte, which is left out. ENAMETOOLONG where there is none within `most` bytes. */
  string(address: bigint, most = 4096): Uint8Array {
    for (let size = 0; size < most; ) {
      const at = address + BigInt(size);
      const step = Math.min(PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)), most - size);
      const zero = this.read(at, step).indexOf(0);
      if (zero !== -1) return this.read(address, size + zero);
      size += step;
    }
    throw new Errno('ENAMETOOLONG');
  }

  /** A string as text, byte for byte. */
  text(address: bigint, most = 4096): string {
    let text = '';
    for (const byte of this.string(address, most)) text += String.fromCharCode(byte);
    return text;
  }
}

function orFault<T>(access: () => T): T {
  try {
    return access();
  } catch (error) {
    if (error instanceof PageFault) throw new Errno('EFAULT');
    throw error;
  }
}
