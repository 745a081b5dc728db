import type { Machine } from '../machine/machine.js';
import { PageFault } from '../machine/page-fault.js';
import { PAGE_SIZE } from '../machine/state.js';
import { Errno } from './errno.js';

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
    return this.view(address, 4).getUint32(0, true);
  }

  i32(address: bigint): number {
    return this.u32(address) | 0;
  }

  u64(address: bigint): bigint {
    return this.view(address, 8).getBigUint64(0, true);
  }

  setU32(address: bigint, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.write(address, bytes);
  }

  setU64(address: bigint, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, value), true);
    this.write(address, bytes);
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

  private view(address: bigint, size: number): DataView {
    return new DataView(this.read(address, size).buffer);
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
