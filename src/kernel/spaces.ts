import { Cpu, type Stop } from '../machine/cpu.js';
import { Machine } from '../machine/machine.js';
import { PAGE_FLAGS, PAGE_SIZE, STATE } from '../machine/state.js';

/** One address space: its memory, and what runs code on it. */
export class Space {
  readonly machine = new Machine();
  private readonly cpu = new Cpu(this.machine);
  private readonly state = new BigUint64Array(this.machine.memory.buffer, 0, STATE.size / 8);

  /** Runs up to `budget` instructions from these registers; they are left as the program left them. */
  run(registers: BigUint64Array, budget: number): { stop: Stop; done: number } {
    this.state.set(registers);
    const stop = this.cpu.run(budget);
    registers.set(this.state);
    return { stop, done: budget - Number(this.machine.budget) };
  }

  protect(start: number, size: number, flags: number): void {
    this.machine.protect(start, size, flags | 32);
  }

  unmap(start: number, size: number): void {
    this.machine.protect(start, size, 0);
    this.machine.raw.fill(0, start, start + size);
  }

  isMapped(address: bigint): boolean {
    return address < 1n << 32n && this.machine.raw[PAGE_FLAGS + Number(address >> 12n)] !== 0;
  }

  /** A copy, whatever the permissions. */
  peek(address: number, size: number): Uint8Array {
    return this.machine.raw.slice(address, address + size);
  }

  poke(address: number, bytes: Uint8Array): void {
    this.machine.raw.set(bytes, address);
  }

  copyFrom(other: Space): void {
    const pages = 0xe000_0000 / PAGE_SIZE;
    for (let page = 16; page < pages; page++) {
      const flags = other.machine.raw[PAGE_FLAGS + page]!;
      this.machine.raw[PAGE_FLAGS + page] = flags;
      if (flags !== 0) this.poke(page * PAGE_SIZE, other.peek(page * PAGE_SIZE, PAGE_SIZE));
    }
  }
}

/** The machines of the address spaces, by Mm.id. They are apart from the kernel's state, which is plain data. */
export class Spaces {
  private readonly byId = new Map<number, Space>();

  create(id: number): Space {
    const space = new Space();
    this.byId.set(id, space);
    return space;
  }

  /** A copy of another space, for fork(2). */
  fork(id: number, from: number): void {
    this.create(id).copyFrom(this.of(from));
  }

  get count(): number {
    return this.byId.size;
  }

  of(id: number): Space {
    return this.byId.get(id)!;
  }

  release(id: number): void {
    this.byId.delete(id);
  }
}
