import { ATOMICS } from '../../../src/isa/aarch64/meaning/atomics.js';
import { BRANCHES } from '../../../src/isa/aarch64/meaning/branches.js';
import { EXCLUSIVE } from '../../../src/isa/aarch64/meaning/exclusive.js';
import { FLOAT_FAST } from '../../../src/isa/aarch64/meaning/float-fast.js';
import { FLOAT_FLAGS } from '../../../src/isa/aarch64/meaning/float-flags.js';
import { wordMeaning } from '../../../src/isa/aarch64/meaning/index.js';
import { INTEGER_IMMEDIATE } from '../../../src/isa/aarch64/meaning/integer-immediate.js';
import { INTEGER_REGISTER } from '../../../src/isa/aarch64/meaning/integer-register.js';
import { MEMORY } from '../../../src/isa/aarch64/meaning/memory.js';
import type { Row } from '../../../src/isa/aarch64/meaning/row.js';
import { SIMD_LANES } from '../../../src/isa/aarch64/meaning/simd-lanes.js';
import { SIMD_MOVES } from '../../../src/isa/aarch64/meaning/simd-moves.js';
import { SIMD_STRUCTURES } from '../../../src/isa/aarch64/meaning/simd-structures.js';
import { SIMD_WIDEN } from '../../../src/isa/aarch64/meaning/simd-widen.js';
import { ESTIMATES } from '../../../src/machine/aarch64/estimates.js';
import { SCALAR_FLOAT } from '../../../src/machine/aarch64/scalar-float.js';
import { VECTOR_FLOAT } from '../../../src/machine/aarch64/vector-float.js';
import { VECTOR_INTEGER } from '../../../src/machine/aarch64/vector-integer.js';
import { type InterpretedMachine, Interpreter } from '../../../src/machine/interpreter.js';
import type { Random } from '../random.js';
import { lanes } from '../random-vectors.js';
import { AHEAD, type Case, CODE, DATA, DATA_SIZE } from './native.js';

/** What the machine's helper does: rows of another kind, of which only the bits count here. */
const ARITHMETIC: readonly Row[] = [
  ...SCALAR_FLOAT,
  ...VECTOR_FLOAT,
  ...ESTIMATES,
  ...ESTIMATES,
  ...VECTOR_INTEGER,
]
  .filter(([, name]) => !name.startsWith('fcmp') && !name.startsWith('fccmp'))
  .map(([bits, name]) => [bits, name, () => {}]);

/** Those that a program can have anywhere. */
export const STRAIGHT: readonly (readonly Row[])[] = [
  INTEGER_IMMEDIATE,
  INTEGER_REGISTER,
  EXCLUSIVE,
  ATOMICS,
  SIMD_MOVES,
  SIMD_LANES,
  SIMD_WIDEN,
  FLOAT_FLAGS,
  ARITHMETIC,
];
/** Accesses, but for those by an index or near the instruction. */
export const ACCESSES: readonly Row[] = MEMORY.filter(([bits]) => !/o1o|^cc 011/.test(bits));

const JUMPS = BRANCHES.filter(([, name]) => name !== 'svc');

/** Each group as often as the others. */
const GROUPS: readonly (readonly Row[])[] = [
  INTEGER_IMMEDIATE,
  INTEGER_REGISTER,
  INTEGER_REGISTER,
  MEMORY,
  MEMORY,
  JUMPS,
  EXCLUSIVE,
  ATOMICS,
  SIMD_MOVES,
  SIMD_LANES,
  SIMD_WIDEN,
  SIMD_STRUCTURES,
  FLOAT_FLAGS,
  FLOAT_FAST,
  ARITHMETIC,
  ARITHMETIC,
  ARITHMETIC,
];

type Fields = readonly [op1: number, crn: number, crm: number, op2: number];
const systemWord = (read: boolean, [op1, crn, crm, op2]: Fields, rt: number): number =>
  (0xd5180000 | (read ? 0x200000 : 0) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5) | rt) >>> 0;
const NZCV: Fields = [3, 4, 2, 0];
const FPSR: Fields = [3, 4, 4, 1];
const OPERATIONS: readonly Fields[] = [
  [3, 7, 4, 1],
  [3, 7, 5, 1],
  [3, 7, 10, 1],
  [3, 7, 11, 1],
  [3, 7, 14, 1],
];

function randomSystem(random: Random): number {
  const rt = random.below(31);
  switch (random.below(4)) {
    case 0:
      // nop, barriers, clrex
      return random.pick([0xd503201f, 0xd5033f9f, 0xd5033bbf, 0xd5033fdf, 0xd5033f5f]);
    case 1: {
      return (systemWord(false, random.pick(OPERATIONS), rt) & ~0x100000) >>> 0;
    }
    default:
      return systemWord(random.below(2) === 0, random.pick([NZCV, NZCV, FPSR]), rt);
  }
}

/** A word of a row: the letters are random bits, whole fields of ones and zeros more often than not. */
export function fill(random: Random, [bits]: Row): number {
  const pattern = bits.replaceAll(' ', '');
  const noise = [random.below(2 ** 32), random.below(2 ** 32)] as const;
  const biased = random.below(4);
  let word = 0;
  for (const [n, letter] of [...pattern].entries()) {
    let bit = letter === '1' ? 1 : 0;
    if (letter !== '0' && letter !== '1') {
      bit = (noise[0] >>> n) & 1;
      if (biased === 0 && letter === 'i') bit = (noise[1] >>> (letter.charCodeAt(0) % 32)) & 1;
    }
    word = (word << 1) | bit;
  }
  return word >>> 0;
}

const field = (word: number, at: number): number => (word >>> at) & 31;
export const withField = (word: number, high: number, low: number, value: number): number => {
  const mask = (2 ** (high - low + 1) - 1) * 2 ** low;
  return ((word & ~mask) | ((value * 2 ** low) & mask)) >>> 0;
};

/** What the architecture leaves open when registers of an instruction are the same (Arm ARM K1, CONSTRAINED UNPREDICTABLE), and more. */
function isOpen(word: number, group: readonly Row[], [, name]: Row): boolean {
  const [rt, rn, rs, rt2] = [field(word, 0), field(word, 5), field(word, 16), field(word, 10)];
  if (group === MEMORY) {
    const isPair = name.endsWith('p');
    const isVector = ((word >>> 26) & 1) === 1;
    const moves = isPair
      ? ((word >>> 23) & 1) === 1
      : (word >>> 24) % 2 === 0 && ((word >>> 21) & 1) === 0 && ((word >>> 10) & 1) === 1;
    if (isPair && ((word >>> 22) & 1) === 1 && rt === rt2) return true;
    return moves && rn !== 31 && !isVector && (rt === rn || (isPair && rt2 === rn));
  }
  // Immediates of 16-bit numbers, which our processor does not have.
  if (name === 'movi') return ((word >>> 11) & 1) === 1;
  if (name === 'stxr') return rs === rt || (rs === rn && rn !== 31);
  if (name === 'stxp') return rs === rt || rs === rt2 || (rs === rn && rn !== 31);
  if (name === 'ldxp') return rt === rt2;
  return false;
}

/** One word or a few, with a state in which accesses lead into the data more often than not; undefined: try again. */
export function randomCase(random: Random): Case | undefined {
  const registers = Array.from({ length: 32 }, () => random.u64());
  const words = randomWords(random, registers);
  if (words === undefined) return undefined;
  return {
    words,
    registers,
    nzcv: (random.below(16) << 28) >>> 0,
    fpcr: random.below(3) === 0 ? random.below(16) << 22 : 0,
    fpsr: random.below(2) * 16,
    vectors: randomVectors(random),
    data: Uint8Array.from({ length: DATA_SIZE }, () => random.below(256)),
  };
}

export function randomVectors(random: Random): Uint8Array {
  if (random.below(3) === 0) return Uint8Array.from({ length: 512 }, () => random.below(256));
  return new Uint8Array(BigUint64Array.from({ length: 64 }, () => lanes(random)).buffer);
}

function randomWords(random: Random, registers: bigint[]): number[] | undefined {
  const choice = random.below(GROUPS.length + 1);
  const group = GROUPS[choice];
  if (group === undefined) {
    const word = randomSystem(random);
    registers[field(word, 0)] = place(random);
    return [word];
  }
  const row = random.pick(group);
  let word = fill(random, row);
  if (isOpen(word, group, row)) return undefined;
  const name = row[1];
  if (group === JUMPS) word = aim(word, name, registers);
  if (group === MEMORY && ((word >>> 24) & 0x3b) === 0x18)
    word = withField(word, 23, 5, (DATA - CODE) / 4 + random.below(70));
  lead(random, word, registers);
  if (name === 'stxr' || name === 'stxp') return exclusive(random, word, registers);
  return [word];
}

const place = (random: Random): bigint => {
  const somewhere = DATA + random.below(DATA_SIZE);
  return BigInt(random.below(5) === 0 ? somewhere : somewhere - (somewhere % 16));
};

/** Before a store exclusive most often the load that marks the address, and maybe something between. */
function exclusive(random: Random, word: number, registers: bigint[]): number[] {
  const [rn, rt] = [field(word, 5), random.below(31)];
  if (random.below(6) === 0) return [word];
  // The load of the same size and base, into other registers.
  const pair = (word >>> 21) & 1;
  let load = withField(withField((word | 0x400000) >>> 0, 4, 0, rt), 20, 16, 31);
  const rt2 = (rt + 1 + random.below(29)) % 31;
  load = withField(load, 14, 10, pair === 1 ? rt2 : 31);
  if (rt === rn || (pair === 1 && rt2 === rn)) return [word];
  const words = [load, word];
  const between = random.below(8);
  if (between === 0) words.splice(1, 0, 0xd5033f5f);
  // str wzr, [sp]: sp may be the base
  if (between === 1) words.splice(1, 0, 0xb90003ff);
  if (between === 2) words.push(word);
  registers[31] = random.below(2) === 0 ? registers[rn]! : place(random);
  return words;
}

/** Jumps lead AHEAD. */
function aim(word: number, name: string, registers: bigint[]): number {
  const there = AHEAD / 4;
  if (name === 'b' || name === 'bl') return withField(word, 25, 0, there);
  if (name === 'tbz' || name === 'tbnz') return withField(word, 18, 5, there);
  if (name === 'b.cond' || name.startsWith('cb')) return withField(word, 23, 5, there);
  if (['br', 'blr', 'ret'].includes(name)) {
    const rn = field(word, 5) % 31;
    registers[rn] = BigInt(CODE + AHEAD);
    return withField(word, 9, 5, rn);
  }
  return word;
}

/** Where an instruction's first access goes. */
class Found extends Error {
  constructor(readonly address: bigint) {
    super();
  }
}

function addressOf(word: number, registers: readonly bigint[]): bigint | undefined {
  const found = (address: bigint): never => {
    throw new Found(address);
  };
  const machine: InterpretedMachine = {
    view: new DataView(new ArrayBuffer(1024)),
    register: (n) => registers[n]!,
    setRegister: () => {},
    rip: 0n,
    fsBase: 0n,
    gsBase: 0n,
    load: found,
    store: found,
    load128: found,
    store128: found,
    xmm: () => 0n,
    setXmm: () => {},
    helper: () => undefined,
  };
  // Checks of alignment come first.
  const { statements, next } = wordMeaning(word, BigInt(CODE));
  try {
    new Interpreter(machine).run(BigInt(CODE), {
      statements: statements.filter((each) => each.do !== 'trap'),
      next,
    });
  } catch (error) {
    if (error instanceof Found) return error.address;
    throw error;
  }
  return undefined;
}

/** Changes the base register so that the access is in the data. */
function lead(random: Random, word: number, registers: bigint[]): void {
  const address = addressOf(word, registers);
  if (address === undefined || random.below(50) === 0) return;
  const base = field(word, 5);
  registers[base] = BigInt.asUintN(64, registers[base]! + place(random) - address);
}
