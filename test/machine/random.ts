import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  FlowControl,
  type Instruction,
  MemorySize,
  Mnemonic,
  OpKind,
  Register,
  RegisterExt,
} from 'iced-x86';
import { AHEAD, CODE, DATA, DATA_SIZE, type NativeCase } from './native.js';
import { OPCODES } from './opcodes.js';
import { extended, lanes, randomFx, vectorStart } from './random-vectors.js';

/** Numbers that are the same on every machine (xorshift32). */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0 || 1;
  }

  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  u64(): bigint {
    // Borders are where mistakes are.
    const kind = this.below(6);
    if (kind === 0) return this.pick(BORDERS);
    if (kind === 1) return BigInt(this.below(256));
    const value = (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
    return kind === 2 ? BigInt.asUintN(64, BigInt.asIntN(32, value)) : value;
  }
}

const BORDERS = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
].concat([0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn]);

/** One random instruction with a state in which its memory operands lie in the data, or undefined: try again. */
export function randomCase(random: Random): { case: NativeCase; instruction: Instruction } | undefined {
  const code = randomBytes(random);
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.ip = BigInt(CODE);
  const instruction = decoder.decode();
  decoder.free();
  if (instruction.isInvalid || !isComparable(instruction, code[0] === 0x66)) return undefined;
  const registers = Array.from({ length: 16 }, () => random.u64());
  registers[4] = BigInt(DATA + 128);
  if (!place(instruction, registers, random)) return undefined;
  const flags =
    0x202n |
    BigInt(random.below(0x1000) & 0x8d5) |
    (random.below(4) === 0 && instruction.isStringInstruction ? 0x400n : 0n);
  const data = Uint8Array.from({ length: DATA_SIZE }, () => random.below(256));
  const fx = randomFx(random);
  if (usesVectors(instruction)) {
    const view = new DataView(data.buffer);
    for (let at = 0; at < DATA_SIZE; at += 8) view.setBigUint64(at, lanes(random), true);
    if (instruction.memorySize === MemorySize.Float80) fillExtended(random, view);
  }
  if (!aim(instruction, registers, data)) return undefined;
  return { case: { code: code.slice(0, instruction.length), registers, flags, data, fx }, instruction };
}

const usesVectors = (instruction: Instruction): boolean =>
  instruction.cpuidFeatures().some((feature) => VECTOR_FEATURES.has(feature));
const VECTOR_FEATURES: ReadonlySet<CpuidFeature> = new Set([
  ...[CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.FPU, CpuidFeature.MMX],
]);

function fillExtended(random: Random, view: DataView): void {
  for (let at = 0; at < DATA_SIZE; at += 16) {
    const [significand, head] = extended(random);
    view.setBigUint64(at, significand, true);
    view.setUint16(at + 8, head, true);
  }
}

/** Random bytes that begin with an instruction more often than not. */
export function randomBytes(random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) {
    const bytes = [0xd8 + random.below(8)];
    modrm(random, bytes);
    return Uint8Array.from([...bytes, 0x90, 0x90, 0x90, 0x90]);
  }
  if (kind === 1) {
    const { bytes, follows } = vectorStart(random);
    for (const what of follows) {
      if (what === 'm') modrm(random, bytes);
      else bytes.push(random.below(3) === 0 ? random.below(256) : random.below(40));
    }
    return Uint8Array.from([...bytes, 0x90, 0x90, 0x90, 0x90]);
  }
  const [opcode, follows] = random.pick(OPCODES);
  const bytes: number[] = [];
  const narrow = !/[jJ]/.test(follows) && random.below(5) === 0;
  if (narrow) bytes.push(0x66);
  if (/^a[4567abcdef]$/.test(opcode) || opcode === '0fbc' || opcode === '0fbd' || opcode === '0fb8') {
    const prefix = random.pick([0, 0xf3, 0xf3, 0xf2]);
    if (prefix !== 0) bytes.push(prefix);
  }
  const rex = random.below(3) > 0 ? 0x40 | random.below(16) : 0;
  if (rex !== 0) bytes.push(rex);
  for (let at = 0; at < opcode.length; at += 2) bytes.push(Number.parseInt(opcode.slice(at, at + 2), 16));
  for (const what of follows) {
    if (what === 'm') modrm(random, bytes);
    else if (what === 'j') bytes.push(AHEAD);
    else if (what === 'J') bytes.push(AHEAD, 0, 0, 0);
    else {
      const wide = (rex & 8) !== 0;
      const size =
        what === 'z' ? (narrow && !wide ? 2 : 4) : what === 'o' ? (wide ? 8 : narrow ? 2 : 4) : Number(what);
      for (let n = 0; n < size; n++)
        bytes.push(random.below(4) === 0 ? random.below(2) * 255 : random.below(256));
    }
  }
  return Uint8Array.from([...bytes, 0x90, 0x90, 0x90, 0x90]);
}

/** A register operand, or memory by base, index and a displacement. */
function modrm(random: Random, bytes: number[]): void {
  const mod = random.pick([3, 3, 0, 1, 2]);
  const rm = random.below(8);
  bytes.push((mod << 6) | (random.below(8) << 3) | rm);
  if (mod === 3) return;
  if (rm === 4) bytes.push(random.below(256));
  if (mod === 1) bytes.push(random.below(256));
  if (mod === 2 || (mod === 0 && rm === 5) || (mod === 0 && rm === 4 && (bytes.at(-1)! & 7) === 5))
    for (let n = 0; n < 4; n++) bytes.push(random.below(256));
}

const full = (register: Register): number => RegisterExt.number(RegisterExt.fullRegister(register));

const isComparableRegister = (name: Register): boolean =>
  RegisterExt.isGPR(name) || RegisterExt.isXMM(name) || RegisterExt.isMM(name) || RegisterExt.isST(name);

function isComparable(instruction: Instruction, narrow: boolean): boolean {
  // Far transfers, segment registers and privileged forms are none of a program's instructions.
  for (let n = 0; n < instruction.opCount; n++) {
    const kind = instruction.opKind(n);
    if (kind === OpKind.Register && !isComparableRegister(instruction.opRegister(n))) return false;
    if (kind === OpKind.FarBranch16 || kind === OpKind.FarBranch32) return false;
  }
  // With the prefix 0x66 a branch is 16 bits wide on AMD and not on Intel.
  return !(instruction.flowControl !== FlowControl.Next && narrow);
}

/** Gives the registers of memory operands values that lead into the data. */
function place(instruction: Instruction, registers: bigint[], random: Random): boolean {
  if (instruction.isStringInstruction) {
    registers[6] = BigInt(DATA + 96 + random.below(32));
    registers[7] = BigInt(DATA + 96 + random.below(32));
    registers[1] = BigInt(random.below(4));
    return true;
  }
  if ([Mnemonic.Maskmovdqu, Mnemonic.Maskmovq].includes(instruction.mnemonic)) {
    registers[7] = BigInt(DATA + 96 + random.below(32));
    return true;
  }
  if (instruction.mnemonic === Mnemonic.Xlatb) {
    registers[3] = BigInt(DATA + 64);
    registers[0] = registers[0]! & ~0x80n;
    return true;
  }
  if (instruction.mnemonic === Mnemonic.Enter) {
    registers[4] = BigInt(DATA + 256);
    registers[5] = BigInt(DATA + 248);
    return true;
  }
  if (instruction.mnemonic === Mnemonic.Leave) registers[5] = BigInt(DATA + 64);
  let memory = false;
  for (let n = 0; n < instruction.opCount; n++) memory ||= instruction.opKind(n) === OpKind.Memory;
  if (!memory || instruction.mnemonic === Mnemonic.Lea) return true;
  const {
    memoryBase: base,
    memoryIndex: index,
    memoryIndexScale: scale,
    memoryDisplacement: displacement,
  } = instruction;
  if (base === Register.None || base === Register.RIP) return false;
  const large = instruction.memorySize === MemorySize.FpuState108;
  const somewhere = DATA + (large ? 16 : 64) + random.below(100);
  // Most vectors must be aligned.
  const vector = usesVectors(instruction) && random.below(8) > 0;
  const wanted = BigInt(vector ? somewhere - (somewhere % 16) : somewhere);
  const baseNumber = full(base);
  if (index !== Register.None && full(index) === baseNumber) return false;
  if (baseNumber === 4 && index !== Register.None) registers[full(index)] = 0n;
  if (isBitTest(instruction) && instruction.opKind(1) === OpKind.Register) {
    const number = full(instruction.opRegister(1));
    if (number === baseNumber) return false;
    registers[number] = BigInt(random.below(400));
  }
  const rest = index === Register.None ? 0n : registers[full(index)]! * BigInt(scale);
  registers[baseNumber] = BigInt.asUintN(64, wanted - rest - displacement);
  // rsp is the stack of push and pop as well: it must point into the data by itself.
  return baseNumber !== 4 || !/^(push|pop|leave|call)/.test(Mnemonic[instruction.mnemonic]!.toLowerCase());
}

/** Jumps that take their target from a register or memory find it AHEAD. */
function aim(instruction: Instruction, registers: bigint[], data: Uint8Array): boolean {
  const target = BigInt(CODE + instruction.length + AHEAD);
  const view = new DataView(data.buffer);
  if (instruction.mnemonic === Mnemonic.Ret) view.setBigUint64(128, target, true);
  // No single-stepping and no alignment checks: flags that programs use, and those above them clear.
  if ([Mnemonic.Popf, Mnemonic.Popfq].includes(instruction.mnemonic))
    view.setBigUint64(128, view.getBigUint64(128, true) & 0xcd5n, true);
  const indirect =
    instruction.flowControl === FlowControl.IndirectBranch ||
    instruction.flowControl === FlowControl.IndirectCall;
  if (!indirect) return true;
  if (instruction.opKind(0) === OpKind.Register) {
    const number = full(instruction.opRegister(0));
    registers[number] = target;
    return number !== 4;
  }
  const {
    memoryBase: base,
    memoryIndex: index,
    memoryIndexScale: scale,
    memoryDisplacement: displacement,
  } = instruction;
  const offset = index === Register.None ? 0n : registers[full(index)]! * BigInt(scale);
  const address = BigInt.asUintN(64, registers[full(base)]! + offset + displacement);
  if (address < BigInt(DATA) || address + 8n > BigInt(DATA + DATA_SIZE)) return false;
  view.setBigUint64(Number(address) - DATA, target, true);
  return true;
}

export const isBitTest = ({ mnemonic }: Instruction): boolean =>
  [Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc].includes(mnemonic);
