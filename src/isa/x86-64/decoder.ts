import {
  DecoderOptions,
  FlowControl,
  Formatter,
  FormatterSyntax,
  Decoder as IcedDecoder,
  type Instruction as IcedInstruction,
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
  RflagsBits,
  type UsedMemory,
  type UsedRegister,
} from 'iced-x86';
import type { Addr } from '../../abi/address.js';
import {
  type AddressExpression,
  type Decoder,
  type Effect,
  FLAGS,
  type Flow,
  has,
  type Instruction,
  type MemoryAccess,
  type RegisterSet,
  registerBit,
  type Trait,
  type Value,
  X87,
} from '../instruction.js';
import { MEANINGS, type Operand } from './effects.js';
import {
  R8,
  R9,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
  registerId,
  registerName,
  VECTORS,
} from './registers.js';
import { isX87, traitsOf } from './traits.js';

// Made once, by the first instruction; iced's objects live in WebAssembly memory that no collector frees, so each one made per
// instruction is freed by hand below.
let made: { readonly factory: InstructionInfoFactory; readonly formatter: Formatter } | undefined;

function makeFormatter(): Formatter {
  const gas = new Formatter(FormatterSyntax.Gas);
  gas.ripRelativeAddresses = true;
  gas.branchLeadingZeros = false;
  gas.uppercaseHex = false;
  gas.spaceAfterOperandSeparator = false;
  gas.smallHexNumbersInDecimal = true;
  gas.showBranchSize = false;
  return gas;
}

const ALL_GENERAL: RegisterSet = 0xffffn;
const set = (...registers: number[]): RegisterSet => registers.reduce((bits, r) => bits | registerBit(r), 0n);
const CALLEE_SAVED = set(RBX, RBP, 12, 13, 14, 15);

/** System V AMD64 ABI 3.2.1. */
export const x86_64: Decoder = {
  architecture: 'x86-64',
  minLength: 1,
  maxLength: 15,
  stackPointer: RSP,
  returnValue: RAX,
  calleeSaved: CALLEE_SAVED,
  callerSaved:
    (ALL_GENERAL & ~CALLEE_SAVED & ~registerBit(RSP)) | registerBit(FLAGS) | registerBit(X87) | VECTORS,
  equal: 4,
  argumentRegisters: [RDI, RSI, RDX, RCX, R8, R9],
  registerName,
  decode,
};

const NO_TRAITS: ReadonlySet<Trait> = new Set();

const RESERVED: ReadonlySet<Trait> = new Set<Trait>(['reserved']);

/** Legacy prefixes of an instruction (Intel SDM vol. 2, 2.1.1). */
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
/** EVEX and REX2: the encodings that new extensions (APX, AVX10) still fill; iced-x86 1.21 does not know them. */
const GROWING = new Set([0x62, 0xd5]);
const maybeNewer = (bytes: Uint8Array): boolean => {
  const opcode = bytes.find((byte) => !PREFIXES.has(byte));
  return opcode !== undefined && GROWING.has(opcode);
};

function undecodable(bytes: Uint8Array, address: Addr): Instruction {
  const shown = [...bytes.subarray(0, 4)].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(',');
  return {
    address,
    length: 1,
    text: bytes.length === 0 ? '(no bytes)' : `.byte ${shown}`,
    flow: 'unknown',
    target: undefined,
    reads: 0n,
    writes: 0n,
    memory: [],
    effects: [],
    compares: undefined,
    condition: undefined,
    traits: maybeNewer(bytes) ? NO_TRAITS : RESERVED,
  };
}

function decode(bytes: Uint8Array, address: Addr): Instruction {
  if (bytes.length === 0) return undecodable(bytes, address);
  const decoder = new IcedDecoder(64, bytes.length > 15 ? bytes.subarray(0, 15) : bytes, DecoderOptions.None);
  decoder.ip = BigInt(address);
  const instruction = decoder.decode();
  try {
    return instruction.isInvalid ? undecodable(bytes, address) : describe(instruction, address);
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** What iced says of control flow, in our words. SYSCALL and INT 0x80 are `Call` / `Interrupt` there. */
const FLOWS: ReadonlyMap<FlowControl, Flow> = new Map<FlowControl, Flow>([
  [FlowControl.Next, 'next'],
  [FlowControl.UnconditionalBranch, 'jump'],
  [FlowControl.ConditionalBranch, 'branch'],
  [FlowControl.IndirectBranch, 'indirect-jump'],
  [FlowControl.Call, 'call'],
  [FlowControl.IndirectCall, 'indirect-call'],
  [FlowControl.Return, 'return'],
  [FlowControl.Interrupt, 'trap'],
  [FlowControl.Exception, 'trap'],
  [FlowControl.XbeginXabortXend, 'branch'],
]);

function flowOf(instruction: IcedInstruction): Flow {
  const mnemonic = instruction.mnemonic;
  if (mnemonic === Mnemonic.Syscall || mnemonic === Mnemonic.Sysenter) return 'syscall';
  if (mnemonic === Mnemonic.Int && Number(instruction.immediate(0)) === 0x80) return 'syscall';
  if (mnemonic === Mnemonic.Hlt) return 'trap';
  return FLOWS.get(instruction.flowControl) ?? 'unknown';
}

function describe(instruction: IcedInstruction, address: Addr): Instruction {
  made ??= { factory: new InstructionInfoFactory(), formatter: makeFormatter() };
  const text = made.formatter.format(instruction);
  const flow = flowOf(instruction);
  const info = made.factory.info(instruction);
  const usedRegisters: UsedRegister[] = info.usedRegisters();
  const usedMemory: UsedMemory[] = info.usedMemory();
  try {
    const { reads, writes, partial } = registerUse(instruction, usedRegisters, text);
    const memory = usedMemory
      .flatMap((used) => memoryAccess(used, hasBitOffset(instruction)))
      .sort((a, b) => Number(a.write) - Number(b.write));
    const operands = explicitOperands(instruction);
    const meaning = MEANINGS.get(instruction.mnemonic)?.(operands, instruction.stackPointerIncrement);
    return {
      address,
      length: instruction.length,
      text,
      flow,
      target: directTarget(instruction, flow),
      reads,
      writes,
      memory,
      effects: withRemaining(meaning?.effects ?? [], reads, memory),
      compares: meaning?.compares,
      // iced numbers conditions from 1 in the machine's order, 0 is none.
      condition: instruction.isJccShortOrNear ? instruction.conditionCode - 1 : undefined,
      traits: traitsOf(instruction, text, memory, reads | writes, partial),
    };
  } finally {
    for (const used of usedRegisters) used.free();
    for (const used of usedMemory) used.free();
    info.free();
  }
}

function directTarget(instruction: IcedInstruction, flow: Flow): Addr | undefined {
  if (flow !== 'jump' && flow !== 'branch' && flow !== 'call') return undefined;
  return Number(instruction.nearBranchTarget) as Addr;
}

const READS: ReadonlySet<OpAccess> = new Set([
  OpAccess.Read,
  OpAccess.CondRead,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
  OpAccess.CondWrite,
]);
const WRITES: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

/** iced counts the condition codes of the x87 status word (C0..C3) among the flags. */
const RFLAGS = ~(RflagsBits.C0 | RflagsBits.C1 | RflagsBits.C2 | RflagsBits.C3);

function registerUse(instruction: IcedInstruction, used: readonly UsedRegister[], text: string) {
  let reads: RegisterSet = 0n;
  let writes: RegisterSet = 0n;
  let kept: RegisterSet = 0n;
  for (const { register, access } of used) {
    const id = registerId(register);
    if (id === undefined) continue;
    if (WRITES.has(access)) writes |= registerBit(id);
    if (READS.has(access)) reads |= registerBit(id);
    if (WRITES.has(access) && RegisterExt.isGPR(register) && RegisterExt.size(register) < 4)
      kept |= registerBit(id);
  }
  const partial = (kept & ~reads) !== 0n;
  reads |= kept;
  // iced reports xor %eax,%eax as a write only; the same holds for sub. Flags come separately.
  if ((instruction.rflagsModified & RFLAGS) !== 0) writes |= registerBit(FLAGS);
  if ((instruction.rflagsRead & RFLAGS) !== 0) reads |= registerBit(FLAGS);
  if (isX87(text)) writes |= registerBit(X87);
  // The kernel returns in rax; the instruction itself takes rcx and r11 (iced says so).
  if (flowOf(instruction) === 'syscall') writes |= registerBit(RAX);
  return { reads, writes, partial };
}

const BIT_TESTS: ReadonlySet<Mnemonic> = new Set([Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc]);
/** A bit offset in a register reaches beyond the operand, so where the access is exactly is not known. */
const hasBitOffset = (instruction: IcedInstruction): boolean =>
  BIT_TESTS.has(instruction.mnemonic) && instruction.opKind(1) === OpKind.Register;

function memoryAccess(used: UsedMemory, somewhere: boolean): MemoryAccess[] {
  const read = READS.has(used.access) && used.access !== OpAccess.CondWrite;
  const write = WRITES.has(used.access);
  if (!read && !write) return [];
  return [
    {
      address: addressExpression(used.segment, used.base, used.index, used.scale, used.displacement),
      size: somewhere ? 0 : MemorySizeExt.size(used.memorySize),
      read,
      write,
    },
  ];
}

function addressExpression(
  segment: Register,
  base: Register,
  index: Register,
  scale: number,
  displacement: bigint,
): AddressExpression {
  // RIP-relative displacements arrive from iced as the absolute target.
  const absolute = base === Register.RIP || base === Register.EIP;
  const signed = BigInt.asIntN(64, displacement);
  return {
    threadPointer: segment === Register.FS,
    base: absolute ? undefined : registerId(base),
    index: registerId(index),
    scale: index === Register.None ? 1 : scale,
    displacement: Number(signed),
  };
}

const IMMEDIATES: ReadonlySet<OpKind> = new Set([
  OpKind.Immediate8,
  OpKind.Immediate8_2nd,
  OpKind.Immediate16,
  OpKind.Immediate32,
  OpKind.Immediate64,
  OpKind.Immediate8to16,
  OpKind.Immediate8to32,
  OpKind.Immediate8to64,
  OpKind.Immediate32to64,
]);

function explicitOperands(instruction: IcedInstruction): Operand[] {
  const operands: Operand[] = [];
  for (let n = 0; n < instruction.opCount; n++) operands.push(explicitOperand(instruction, n));
  return operands;
}

function explicitOperand(instruction: IcedInstruction, n: number): Operand {
  const kind = instruction.opKind(n);
  if (kind === OpKind.Register) return registerOperand(instruction.opRegister(n));
  if (kind === OpKind.Memory) return memoryOperand(instruction);
  if (IMMEDIATES.has(kind)) {
    const value = BigInt.asIntN(64, instruction.immediate(n));
    const safe = value >= -(2n ** 53n) && value <= 2n ** 53n;
    return {
      register: undefined,
      memory: undefined,
      bits: 64,
      value: safe ? { op: 'constant', value: Number(value) } : { op: 'unknown', from: [] },
    };
  }
  return { register: undefined, memory: undefined, bits: 0, value: { op: 'unknown', from: [] } };
}

function registerOperand(register: Register): Operand {
  const id = registerId(register);
  const bits = RegisterExt.size(register) * 8;
  const nothing: Value = { op: 'unknown', from: [] };
  if (id === undefined) return { register: undefined, memory: undefined, bits, value: nothing };
  // ah, bh, ch, dh are the second byte: made from the register, but not its low part.
  const high = register >= Register.AH && register <= Register.BH;
  const whole: Value = { op: 'register', register: id, bits: 64 };
  const exact = bits === 8 || bits === 16 || bits === 32 || bits === 64;
  const value: Value =
    high || !exact ? { op: 'unknown', from: [whole] } : { op: 'register', register: id, bits };
  return { register: id, memory: undefined, bits: high ? 8 : bits, value };
}

function memoryOperand(instruction: IcedInstruction): Operand {
  const address = addressExpression(
    instruction.memorySegment,
    instruction.memoryBase,
    instruction.memoryIndex,
    instruction.memoryIndexScale,
    instruction.memoryDisplacement,
  );
  const size = hasBitOffset(instruction) ? 0 : MemorySizeExt.size(instruction.memorySize);
  if (instruction.mnemonic === Mnemonic.Lea) {
    return { register: undefined, memory: undefined, bits: 64, value: { op: 'address', address } };
  }
  const memory: MemoryAccess = { address, size, read: true, write: false };
  // x86-64 TLS ABI: the first word of the TLS block holds its own address, so %fs:0 is the thread pointer.
  const plain = address.base === undefined && address.index === undefined;
  const value: Value =
    address.threadPointer && plain && address.displacement === 0 && size === 8
      ? { op: 'thread-pointer' }
      : { op: 'load', memory, signed: false };
  return { register: undefined, memory, bits: size * 8, value };
}

/** Stores no row gave a value to: unknown, made from what the instruction reads. */
function withRemaining(
  effects: readonly Effect[],
  reads: RegisterSet,
  memory: readonly MemoryAccess[],
): Effect[] {
  const stored = effects.some((effect) => effect.kind === 'store');
  const remaining = stored ? [] : memory.filter((access) => access.write);
  if (remaining.length === 0) return [...effects];
  const from: Value[] = [];
  for (let register = 0; register < 16; register++) {
    if (has(reads, register)) from.push({ op: 'register', register, bits: 64 });
  }
  return [
    ...effects,
    ...remaining.map((access): Effect => ({ kind: 'store', memory: access, value: { op: 'unknown', from } })),
  ];
}
