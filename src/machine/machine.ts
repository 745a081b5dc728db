import { CODE_TYPE, HELPERS, IMPORTS, TRAPS } from './imports.js';
import { GUEST_END, PAGE, PAGE_FLAGS, PAGE_SIZE, resetState, STATE, WITH_NEXT } from './state.js';

import { host, type WasmImports } from './wasm/host.js';
import { type FunctionBody, moduleBytes } from './wasm/module.js';

/** An access that the program's memory does not allow: what becomes SIGSEGV. Nothing of the instruction has been done. */
export class PageFault extends Error {
  constructor(
    readonly address: bigint,
    readonly access: 'read' | 'write' | 'execute',
  ) {
    super(`page fault: ${access} at 0x${address.toString(16)}`);
  }
}

const FLAG = { read: PAGE.READ, write: PAGE.WRITE, execute: PAGE.EXECUTE } as const;

/** What a page allows by itself. */
const OWN = PAGE.READ | PAGE.WRITE | PAGE.EXECUTE;

/** WebAssembly pages of the machine's memory: all of a 32-bit address space, of which only what is touched takes room. */
const WASM_PAGES = 65_536;

/** Memory and registers of one address space, and what translated code needs to run on them. Knows no kernel. */
export class Machine {
  readonly memory = new host.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES });
  private readonly view = new DataView(this.memory.buffer);
  private readonly bytes = new Uint8Array(this.memory.buffer);
  private readonly imports: WasmImports;
  /**
   * Asked where a page does not allow an access, before that becomes a PageFault: true, where the page now allows it (protect was called:
   * a page that had never been touched, a copy of shared memory that was out of date). It may change what any page holds and allows, so
   * only slow paths may ask: a region goes out first, and knows nothing of pages when it is entered again.
   */
  onMissing: ((address: number, access: PageFault['access']) => boolean) | undefined;

  constructor() {
    const functions = {
      load: (address: bigint, bytes: number): bigint => this.load(BigInt.asUintN(64, address), bytes),
      store: (address: bigint, value: bigint, bytes: number): void =>
        this.store(BigInt.asUintN(64, address), value, bytes),
      multiplyHigh: (a: bigint, b: bigint, signed: number): bigint =>
        signed === 1 ? (a * b) >> 64n : (BigInt.asUintN(64, a) * BigInt.asUintN(64, b)) >> 64n,
      helper: (index: number, operand: bigint): number => this.divide(HELPERS[index] === 'idiv', operand),
    } satisfies Record<(typeof IMPORTS)[number]['name'], unknown>;
    resetState(this.memory.buffer);
    this.imports = { env: { memory: this.memory, ...functions } };
  }

  /** Step functions as callable code, in the order given. */
  compile(bodies: readonly FunctionBody[]): (() => number)[] {
    const module = new host.Module(moduleBytes(IMPORTS, CODE_TYPE, bodies));
    const { exports } = new host.Instance(module, this.imports);
    return bodies.map((_, index) => exports[`${index}`] as () => number);
  }

  /** Makes pages of the program's memory usable. Address and size are multiples of PAGE_SIZE, below GUEST_END. */
  protect(address: number, size: number, flags: number): void {
    if (address % PAGE_SIZE !== 0 || size % PAGE_SIZE !== 0 || address + size > GUEST_END)
      throw new RangeError(`not a range of pages: ${address}, ${size} bytes`);
    const [first, end] = [address / PAGE_SIZE, (address + size) / PAGE_SIZE];
    this.bytes.fill(flags, PAGE_FLAGS + first, PAGE_FLAGS + end);
    for (let page = Math.max(0, first - 1); page < end; page++) {
      const own = this.bytes[PAGE_FLAGS + page]! & OWN;
      const next = page + 1 < GUEST_END / PAGE_SIZE ? this.bytes[PAGE_FLAGS + page + 1]! & OWN : 0;
      this.bytes[PAGE_FLAGS + page] = own | ((own & next & (PAGE.READ | PAGE.WRITE)) << WITH_NEXT);
    }
  }

  register(number: number): bigint {
    return this.view.getBigUint64(STATE.registers + 8 * number, true);
  }

  setRegister(number: number, value: bigint): void {
    this.view.setBigUint64(STATE.registers + 8 * number, value, true);
  }

  get rip(): bigint {
    return this.view.getBigUint64(STATE.rip, true);
  }

  set rip(value: bigint) {
    this.view.setBigUint64(STATE.rip, value, true);
  }

  /** rip as a number; NaN outside of what programs can have. */
  get place(): number {
    return this.view.getUint32(STATE.rip + 4, true) === 0 ? this.view.getUint32(STATE.rip, true) : Number.NaN;
  }

  /** More than 0? The same as `budget > 0n` without making a bigint: it is asked between any two regions. */
  get hasBudget(): boolean {
    const high = this.view.getInt32(STATE.budget + 4, true);
    return high > 0 || (high === 0 && this.view.getUint32(STATE.budget, true) > 0);
  }

  get budget(): bigint {
    return this.view.getBigInt64(STATE.budget, true);
  }

  set budget(value: bigint) {
    this.view.setBigInt64(STATE.budget, value, true);
  }

  /** Up to 15 bytes of code; fewer where executable memory ends, none where there is none. */
  fetch(address: bigint): Uint8Array {
    if (address >= BigInt(GUEST_END) || !this.reach(Number(address), 'execute')) return new Uint8Array(0);
    const at = Number(address);
    const nextPage = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE;
    const end = at + 15 <= nextPage || this.reach(nextPage, 'execute') ? at + 15 : nextPage;
    return this.bytes.slice(at, end);
  }

  /** The machine's memory itself: guest addresses are offsets. No permission is looked at. */
  get raw(): Uint8Array {
    return this.bytes;
  }

  /** May this byte be accessed so? Asks `onMissing` where the page does not say so by itself. */
  reach(address: number, access: PageFault['access']): boolean {
    const page = PAGE_FLAGS + Math.floor(address / PAGE_SIZE);
    if (address >= GUEST_END) return false;
    if ((this.bytes[page]! & FLAG[access]) !== 0) return true;
    return this.onMissing?.(address, access) === true && (this.bytes[page]! & FLAG[access]) !== 0;
  }

  private allow(address: bigint, bytes: number, access: 'read' | 'write'): void {
    const last = address + BigInt(bytes - 1);
    for (const at of address >> 12n === last >> 12n ? [address] : [address, last])
      if (at >= BigInt(GUEST_END) || !this.reach(Number(at), access)) throw new PageFault(at, access);
  }

  private load(address: bigint, bytes: number): bigint {
    this.allow(address, bytes, 'read');
    let value = 0n;
    for (let n = 0; n < bytes; n++) value |= BigInt(this.bytes[Number(address) + n]!) << BigInt(8 * n);
    return value;
  }

  private store(address: bigint, value: bigint, bytes: number): void {
    this.allow(address, bytes, 'write');
    for (let n = 0; n < bytes; n++) {
      const at = Number(address) + n;
      // Two pages may be the same page of a shared file: only one of them at a time can then be written.
      if (n === 0 || at % PAGE_SIZE === 0) this.reach(at, 'write');
      this.bytes[at] = Number((value >> BigInt(8 * n)) & 0xffn);
    }
  }

  /** div and idiv of rdx:rax by a 64-bit divisor, which is not 0. Returns 0, or the divide trap where the quotient does not fit. */
  private divide(signed: boolean, operand: bigint): number {
    const [low, high] = [this.register(0), this.register(2)];
    const whole = (high << 64n) | low;
    const dividend = signed ? BigInt.asIntN(128, whole) : whole;
    const divisor = signed ? operand : BigInt.asUintN(64, operand);
    const quotient = dividend / divisor;
    const fits = signed
      ? BigInt.asIntN(64, quotient) === quotient
      : BigInt.asUintN(64, quotient) === quotient;
    if (!fits) return 1 + TRAPS.indexOf('divide');
    this.setRegister(0, BigInt.asUintN(64, quotient));
    this.setRegister(2, BigInt.asUintN(64, dividend % divisor));
    return 0;
  }
}
