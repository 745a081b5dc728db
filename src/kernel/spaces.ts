import type { MachineArchitecture } from '../abi/architecture.js';
import { Cpu, type Stop } from '../machine/cpu.js';
import type { Fold } from '../machine/fold.js';
import { Machine } from '../machine/machine.js';
import type { Access } from '../machine/page-fault.js';
import { STATE, STATE_SIZES } from '../machine/state.js';

const NOBODY: readonly BigUint64Array[] = [];
const MONITOR = STATE.monitor / 8;
/** Bytes that a store exclusive depends on: a line (CTR_EL0.ERG says no less, Arm ARM B2.12.2). */
const GRANULE = 64;

/** One address space: its memory, and what runs code on it. */
export class Space {
  private readonly cpu: Cpu;
  /** The machine's registers, by how many words of them a task of its architecture has. */
  private state: BigUint64Array;
  private guards = false;

  constructor(readonly machine = new Machine()) {
    this.cpu = new Cpu(machine);
    this.state = new BigUint64Array(machine.memory.buffer, 0, STATE_SIZES['x86-64'] / 8);
  }

  /**
   * Runs up to `budget` instructions from these registers; they are left as the program left them. `exact`: see Cpu.run. `marked`: registers of
   * threads on other CPUs that stand between a load exclusive and its store: a write to what they have marked takes the mark away.
   */
  run(
    registers: BigUint64Array,
    budget: number,
    exact = false,
    marked: readonly BigUint64Array[] = NOBODY,
  ): { stop: Stop; done: number } {
    if (this.guards || marked.length > 0) this.guard(marked);
    if (this.state.length !== registers.length)
      this.state = new BigUint64Array(this.machine.memory.buffer, 0, registers.length);
    this.state.set(registers);
    const stop = this.cpu.run(budget, exact);
    registers.set(this.state);
    return { stop, done: budget - this.machine.budget };
  }

  private guard(marked: readonly BigUint64Array[]): void {
    this.guards = marked.length > 0;
    this.machine.guard(
      marked.map((registers) => {
        const start = Number(registers[MONITOR]! & ((1n << 56n) - BigInt(GRANULE)));
        const written = (): void => {
          registers[MONITOR] = 0n;
        };
        return { start, end: start + GRANULE, written };
      }),
    );
  }

  protect(start: number, size: number, flags: number): void {
    this.machine.protect(start, size, flags);
  }

  /** Zeros that nobody may use. */
  clear(start: number, size: number): void {
    this.machine.unmap(start, size);
  }

  /** May the program do anything with the page? */
  isPresent(address: bigint): boolean {
    return (this.machine.permission(Number(address >> 12n)) ?? 0) !== 0;
  }

  /** A copy, whatever the permissions. */
  peek(address: number, size: number): Uint8Array {
    return this.machine.peek(address, size);
  }

  poke(address: number, bytes: Uint8Array): void {
    this.machine.poke(address, bytes);
  }
}

/** The machines of the address spaces, by Mm.id. They are apart from the kernel's state, which is plain data. */
export class Spaces {
  private readonly byId = new Map<number, Space>();

  constructor(private readonly architecture: MachineArchitecture) {}

  /** What a new address space runs on. */
  makeMachine = (fold?: Fold): Machine => new Machine(fold);

  /** Asked about a page that does not allow an access: see AddressSpace.onMissing. */
  onMissing: ((id: number, address: number, access: Access) => boolean) | undefined;

  create(id: number, fold?: Fold): Space {
    const machine = this.makeMachine(fold);
    machine.architecture = this.architecture;
    const space = new Space(machine);
    machine.onMissing = (address, access) => this.onMissing?.(id, address, access) === true;
    this.byId.set(id, space);
    return space;
  }

  get all(): [id: number, Space][] {
    return [...this.byId];
  }

  get count(): number {
    return this.byId.size;
  }

  has(id: number): boolean {
    return this.byId.has(id);
  }

  of(id: number): Space {
    return this.byId.get(id)!;
  }

  release(id: number): void {
    this.byId.get(id)?.machine.dispose();
    this.byId.delete(id);
  }
}
