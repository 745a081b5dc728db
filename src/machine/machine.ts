import type { MachineArchitecture } from '../abi/architecture.js';
import { FLAG_BITS, type Flag, type Trap } from '../isa/meaning.js';
import { AddressSpace } from './address-space.js';
import { CodeCache } from './code-cache.js';
import { floatTrap, softFloat } from './float/calls.js';
import { FOLDED_END, type Fold } from './fold.js';
import { HELPER_FUNCTIONS } from './helpers.js';
import { CODE_TYPE, HELPERS, type Helper, IMPORTS, TRAPS } from './imports.js';
import {
  flagOffset,
  PAGE,
  PAGE_SIZE,
  registerOffset,
  resetState,
  STATE,
  STATE_SIZES,
  vectorOffset,
} from './state.js';
import { host, type WasmImports, type WasmModule } from './wasm/host.js';
import { type FunctionBody, moduleBytes } from './wasm/module.js';
import { runX87 } from './x87/index.js';

const FLAGS = Object.entries(FLAG_BITS) as [Flag, number][];
/** By their bits in PSTATE (Arm ARM C5.2.10, NZCV). */
const NZCV: readonly (readonly [Flag, number])[] = [
  ['sf', 31],
  ['zf', 30],
  ['cf', 29],
  ['of', 28],
];
/** Bit 1, and IF. */
const FIXED_FLAGS = 0x202n;
/** What a load of so many bytes keeps of 8. */
const MASKS: Readonly<Record<number, bigint>> = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn, 8: 2n ** 64n - 1n };

/** Memory and registers of one address space, and what translated code needs to run on them. Knows no kernel. */
export class Machine extends AddressSpace {
  readonly codeCache = new CodeCache(this.memory.buffer);
  readonly view = new DataView(this.memory.buffer);
  private readonly imports: WasmImports;
  private instructionSet: MachineArchitecture = 'x86-64';
  /** Told when the program becomes one of another architecture: what was made of the code before means nothing. */
  architectureChanged: () => void = () => {};

  /** `fold`: for addresses of a real process. */
  constructor(fold?: Fold) {
    super(fold);
    const functions = {
      load: (address: bigint, bytes: number): bigint => this.load(BigInt.asUintN(64, address), bytes),
      store: (address: bigint, value: bigint, bytes: number): void =>
        this.store(BigInt.asUintN(64, address), value, bytes),
      helper: (index: number, operand: bigint): number => {
        const trap = this.helper(HELPERS[index]!, BigInt.asUintN(64, operand));
        return trap === undefined ? 0 : 1 + TRAPS.indexOf(trap);
      },
      store128: (address: bigint, low: bigint, high: bigint): void =>
        this.store128(BigInt.asUintN(64, address), low, high),
      float: (index: number, a: bigint, b: bigint): bigint => softFloat(this.view, index, a, b),
      floatTrap: (): void => floatTrap(this.view),
      x87: (number: number, a: bigint, b: bigint): number => {
        const trap = runX87(this.view, number, a, b);
        return trap === undefined ? 0 : 1 + TRAPS.indexOf(trap);
      },
    } satisfies Record<(typeof IMPORTS)[number]['name'], unknown>;
    resetState(this.memory.buffer);
    this.imports = { env: { memory: this.memory, ...functions } };
  }

  /** Of the program that is loaded: the kernel sets it at exec. */
  get architecture(): MachineArchitecture {
    return this.instructionSet;
  }

  set architecture(architecture: MachineArchitecture) {
    if (architecture === this.instructionSet) return;
    this.instructionSet = architecture;
    this.codeCache.clear();
    this.architectureChanged();
  }

  /** Step functions as callable code, in the order given. */
  compile(bodies: readonly FunctionBody[]): (() => number)[] {
    const exports = this.instance(this.module(bodies));
    return bodies.map((_, index) => exports[`${index}`] as () => number);
  }

  /** Functions as a module that fits all machines; they are exported by their number. */
  module(bodies: readonly FunctionBody[]): WasmModule {
    return new host.Module(moduleBytes(IMPORTS, CODE_TYPE, bodies));
  }

  /** A module's functions on this machine's memory. */
  instance(module: WasmModule): Record<string, unknown> {
    return new host.Instance(module, this.imports).exports;
  }

  /** A new machine with the same memory and permissions (for fork); its registers are those of a new program. Costs what was touched. */
  static forkFrom(other: Machine): Machine {
    const machine = new Machine(other.fold);
    machine.pageLimit = other.pageLimit;
    machine.architecture = other.architecture;
    machine.restore(other.snapshot());
    return machine;
  }

  override dispose(): void {
    this.codeCache.clear();
    super.dispose();
  }

  /** A task's whole register state: a copy of [0, STATE_SIZES[architecture]). */
  saveRegisters(): Uint8Array {
    return this.bytes.slice(0, STATE_SIZES[this.architecture]);
  }

  loadRegisters(state: Uint8Array): void {
    this.bytes.set(state.subarray(0, STATE_SIZES[this.architecture]));
  }

  /** The memory itself, state and all, for those who look. Writing to it goes past all marks. */
  get raw(): Uint8Array {
    return this.bytes;
  }

  register(number: number): bigint {
    return this.view.getBigUint64(registerOffset(number), true);
  }

  setRegister(number: number, value: bigint): void {
    this.view.setBigUint64(registerOffset(number), value, true);
  }

  xmm(number: number): bigint {
    const at = vectorOffset(number);
    return this.view.getBigUint64(at, true) | (this.view.getBigUint64(at + 8, true) << 64n);
  }

  setXmm(number: number, value: bigint): void {
    const at = vectorOffset(number);
    this.view.setBigUint64(at, value, true);
    this.view.setBigUint64(at + 8, value >> 64n, true);
  }

  /** Runs a helper; why it could not, with nothing done. Throws PageFault. */
  helper(name: Helper, operand: bigint): Trap | undefined {
    return HELPER_FUNCTIONS[name](this, operand);
  }

  get rip(): bigint {
    return this.view.getBigUint64(STATE.rip, true);
  }

  set rip(value: bigint) {
    this.view.setBigUint64(STATE.rip, value, true);
  }

  /** rip as a number; NaN outside of what programs can have. */
  get place(): number {
    const block = this.view.getUint32(STATE.rip + 4, true);
    const low = this.view.getUint32(STATE.rip, true);
    if (block === 0) return low;
    const at = block * 2 ** 32 + low;
    return this.fold === undefined || at >= FOLDED_END ? Number.NaN : at;
  }

  /** Instructions that are left of the last run's. */
  get budget(): number {
    return this.view.getUint32(STATE.budget, true) + this.view.getUint32(STATE.budget + 4, true) * 2 ** 32;
  }

  /** Of whole numbers up to 2^53, without a bigint on the way. `exact`: see STATE.exact. */
  setBudget(instructions: number, exact: boolean): void {
    this.view.setUint32(STATE.budget, instructions % 2 ** 32, true);
    this.view.setUint32(STATE.budget + 4, Math.floor(instructions / 2 ** 32), true);
    this.view.setUint32(STATE.exact, exact ? 1 : 0, true);
  }

  /** Step code that is called now begins at this one of its instructions. */
  stepFrom(entry: number): void {
    this.view.setUint32(STATE.entry, entry, true);
  }

  addBudget(instructions: number): void {
    const sum = this.budget + instructions;
    this.view.setUint32(STATE.budget, sum % 2 ** 32, true);
    this.view.setUint32(STATE.budget + 4, Math.floor(sum / 2 ** 32), true);
  }

  get hasBudget(): boolean {
    return this.view.getUint32(STATE.budget, true) > 0;
  }

  /** The budget is not all that will be run: so many instructions come behind it before the time of STATE.tsc. */
  delayTime(instructions: number): void {
    const time = this.view.getBigUint64(STATE.tsc, true);
    this.view.setBigUint64(STATE.tsc, time - BigInt(instructions), true);
  }

  /** PSTATE's N, Z, C and V, in bits 31..28. */
  get nzcv(): number {
    return NZCV.reduce((word, [name, bit]) => (word | (this.bytes[flagOffset(name)]! << bit)) >>> 0, 0);
  }

  set nzcv(word: number) {
    for (const [name, bit] of NZCV) this.bytes[flagOffset(name)] = (word >>> bit) & 1;
  }

  /** A store exclusive behind this fails: what kernels do by clrex, and by eret. */
  clearMonitor(): void {
    this.view.setBigUint64(STATE.monitor, 0n, true);
  }

  /** The status flags as the processor's word: bit 1 is always set, and user space always sees IF. */
  get rflags(): bigint {
    return FLAGS.reduce(
      (word, [name, bit]) => word | (BigInt(this.bytes[flagOffset(name)]!) << BigInt(bit)),
      FIXED_FLAGS,
    );
  }

  set rflags(word: bigint) {
    for (const [name, bit] of FLAGS) this.bytes[flagOffset(name)] = Number((word >> BigInt(bit)) & 1n);
  }

  get fsBase(): bigint {
    return this.view.getBigUint64(STATE.fsBase, true);
  }

  set fsBase(value: bigint) {
    this.view.setBigUint64(STATE.fsBase, value, true);
  }

  get gsBase(): bigint {
    return this.view.getBigUint64(STATE.gsBase, true);
  }

  set gsBase(value: bigint) {
    this.view.setBigUint64(STATE.gsBase, value, true);
  }

  /** Does executable memory hold these bytes here? */
  isCode(start: number, bytes: Uint8Array): boolean {
    for (let page = Math.floor(start / PAGE_SIZE); page * PAGE_SIZE < start + bytes.length; page++)
      if (((this.permission(page) ?? 0) & PAGE.EXECUTE) === 0) return false;
    const held = this.copy(start, bytes.length);
    return bytes.every((byte, index) => held[index] === byte);
  }

  codePage(page: number): Uint8Array | undefined {
    if (this.executeFault(BigInt(page * PAGE_SIZE)) !== undefined) return undefined;
    this.markCode(page);
    const at = this.offsetOf(page * PAGE_SIZE);
    return this.bytes.subarray(at, at + PAGE_SIZE);
  }

  /** Up to 15 bytes of code; fewer where executable memory ends, none where there is none. */
  fetch(address: bigint): Uint8Array {
    if (this.executeFault(address) !== undefined) return new Uint8Array(0);
    const at = Number(address);
    const nextPage = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE;
    const end = at + 15 <= nextPage || this.executeFault(BigInt(nextPage)) === undefined ? at + 15 : nextPage;
    return this.copy(at, end - at);
  }

  /** As the program may; throws PageFault with nothing done. */
  load(address: bigint, bytes: number): bigint {
    const fault = this.check(address, bytes, 'read');
    if (fault !== undefined) throw fault;
    const at = Number(address);
    if (this.fold === undefined) return this.view.getBigUint64(at, true) & MASKS[bytes]!;
    const whole = (at % PAGE_SIZE) + bytes <= PAGE_SIZE;
    const view = whole ? this.view : new DataView(this.copy(at, 8).buffer);
    return view.getBigUint64(whole ? this.offsetOf(at) : 0, true) & MASKS[bytes]!;
  }

  store(address: bigint, value: bigint, bytes: number): void {
    const fault = this.check(address, bytes, 'write');
    if (fault !== undefined) throw fault;
    for (let n = 0, rest = value; n < bytes; n++, rest >>= 8n) {
      const at = Number(address) + n;
      // Both pages may show the same page of a shared file, so that only one of them can be written at a time.
      if (at % PAGE_SIZE === 0 && n > 0) this.check(BigInt(at), 1, 'write');
      else if (n === 0 && (at % PAGE_SIZE) + bytes > PAGE_SIZE) this.check(address, 1, 'write');
      this.bytes[this.offsetOf(at)] = Number(rest & 0xffn);
    }
  }

  /** As translated code does it: in two halves. */
  load128(address: bigint): bigint {
    return this.load(address, 8) | (this.load(BigInt.asUintN(64, address + 8n), 8) << 64n);
  }

  store128(address: bigint, low: bigint, high: bigint): void {
    const fault = this.check(address, 16, 'write');
    if (fault !== undefined) throw fault;
    const at = Number(address);
    if (this.fold !== undefined && (at % PAGE_SIZE) + 16 > PAGE_SIZE) {
      this.write(at, new Uint8Array(new BigUint64Array([low, high]).buffer));
      return;
    }
    this.view.setBigUint64(this.offsetOf(at), low, true);
    this.view.setBigUint64(this.offsetOf(at) + 8, high, true);
  }
}
