import { add, and, constant, load, or, segment, shl, truncate, zext } from '../../expressions.js';
import type { Expression, Flag, StateField } from '../../meaning.js';
import { systemRegister } from '../system-registers.js';
import { type Draft, low } from './draft.js';
import { nzcv } from './flags.js';
import type { Form, Row } from './row.js';

/** System instructions: Arm ARM C4.1.88 (hints, barriers, PSTATE, sys, msr, mrs), as they are at EL0 under Linux. */

/** Hints of what the processor does not have do nothing; here nothing is to be waited for, either. */
const nothing: Form = () => {};

const clearMonitor: Form = (d) => d.state('monitor', constant(64, 0));

const ZVA_BYTES = 64;

/** A block of zeros (DCZID_EL0 says how long). */
function zeroBlock(d: Draft): void {
  const start = d.let(and(d.get(d.rd, 64), constant(64, -ZVA_BYTES)));
  for (let offset = 0; offset < ZVA_BYTES; offset += 16)
    d.store(add(start, constant(64, offset)), constant(128, 0));
}

/** Maintenance of what is no cache here: the address must be there. Code that has changed is seen without it. */
function touch(d: Draft): void {
  d.let(load(8, d.get(d.rd, 64)));
}

/** op1, CRn, CRm, op2 of sys: what programs may do (SCTLR_EL1.UCI and DZE, which Linux sets). */
const OPERATIONS: Readonly<Record<string, (d: Draft) => void>> = {
  '3_7_4_1': zeroBlock,
  '3_7_5_1': touch,
  '3_7_10_1': touch,
  '3_7_11_1': touch,
  '3_7_14_1': touch,
};

const system: Form = (d) => {
  const key = [d.bits(18, 16), d.bits(15, 12), d.bits(11, 8), d.bits(7, 5)].join('_');
  const operation = OPERATIONS[key];
  if (operation === undefined) d.trap('undefined');
  else operation(d);
};

const FLAGS: readonly (readonly [Flag, number])[] = [
  ['sf', 31],
  ['zf', 30],
  ['cf', 29],
  ['of', 28],
];

const flagsWord = (): Expression =>
  FLAGS.reduce<Expression>(
    (word, [flag, bit]) => or(word, shl(zext(64, { op: 'flag', width: 8, flag }), constant(64, bit))),
    constant(64, 0),
  );

function setFlags(d: Draft, value: Expression): void {
  const word = d.let(value);
  const [n, z, c, v] = FLAGS.map(([, bit]) =>
    d.let(
      truncate(
        8,
        and({ op: 'binary', width: 64, fn: 'shr', a: word, b: constant(64, bit) }, constant(64, 1)),
      ),
    ),
  );
  d.flags(nzcv(n!, z!, c!, v!));
}

const state = (field: StateField): Expression => zext(64, { op: 'state', width: 32, field });

/** Bits of FPCR that there are: AHP, DN, FZ and the rounding mode; of FPSR the cumulative ones (Arm ARM C5.2.8, C5.2.9). */
const FPCR_BITS = 0x07c0_0000;
const FPSR_BITS = 0x0800_009f;

const setMasked =
  (field: 'fpcr' | 'fpsr', bits: number) =>
  (d: Draft, value: Expression): void =>
    d.state(field, low(32, and(value, constant(64, bits))));

interface SystemRegister {
  /** Writes Rt, of a register that can be read. */
  readonly read?: (d: Draft) => void;
  readonly write?: (d: Draft, value: Expression) => void;
}

const reads =
  (value: () => Expression) =>
  (d: Draft): void =>
    d.set(d.rd, value());
const is = (value: number | bigint): SystemRegister => ({ read: reads(() => constant(64, value)) });

/** By instructions, of which each takes a nanosecond (kernel/clocks.ts). */
const FREQUENCY = 1_000_000_000;
/** Lines of 64 bytes in both caches, which need their maintenance by name. */
const CACHE_TYPE = 0x8444_c004;
/** 2^4 words. */
const ZVA_TYPE = Math.log2(ZVA_BYTES / 4);
/** Atomic and CRC32 instructions (ID_AA64ISAR0_EL1). */
const INSTRUCTIONS = 0x0021_0000;

/** What programs may read and write; what Linux reads for them comes last (arch/arm64/kernel/cpufeature.c, do_emulate_mrs). */
const REGISTERS: Readonly<Record<string, SystemRegister>> = {
  tpidr_el0: { read: reads(() => segment('fs')), write: (d, value) => d.state('threadPointer', value) },
  tpidrro_el0: is(0),
  nzcv: { read: reads(flagsWord), write: setFlags },
  fpcr: { read: reads(() => state('fpcr')), write: setMasked('fpcr', FPCR_BITS) },
  fpsr: { read: reads(() => state('fpsr')), write: setMasked('fpsr', FPSR_BITS) },
  cntvct_el0: { read: (d) => d.helper('counter', constant(64, d.rd)) },
  cntfrq_el0: is(FREQUENCY),
  ctr_el0: is(CACHE_TYPE),
  dczid_el0: is(ZVA_TYPE),
  midr_el1: is(0x000f_0000),
  mpidr_el1: is(0x8000_0000),
  revidr_el1: is(0),
  id_aa64isar0_el1: is(INSTRUCTIONS),
  // Instructions of EL0 and EL1 alone are 64-bit ones.
  id_aa64pfr0_el1: is(0x11),
};

const registerOf = (d: Draft): SystemRegister | undefined => {
  const [op0, op1, crn, crm] = [d.bits(20, 19), d.bits(18, 16), d.bits(15, 12), d.bits(11, 8)];
  const known = REGISTERS[systemRegister(op0, op1, crn, crm, d.bits(7, 5))];
  if (known !== undefined) return known;
  // The rest of the identification registers reads as zeros.
  return op0 === 3 && op1 === 0 && crn === 0 && crm >= 2 && crm <= 7 ? is(0) : undefined;
};

const readSystem: Form = (d) => {
  const read = registerOf(d)?.read;
  if (read === undefined) d.trap('undefined');
  else read(d);
};

const writeSystem: Form = (d) => {
  const write = registerOf(d)?.write;
  if (write === undefined) d.trap('undefined');
  else write(d, d.get(d.rd, 64));
};

// biome-ignore format: a table
export const SYSTEM: readonly Row[] = [
  ['1101010100 0 00 011 0010 iiii iii 11111', 'hint',  nothing],
  ['1101010100 0 00 011 0011 iiii 010 11111', 'clrex', clearMonitor],
  ['1101010100 0 00 011 0011 iiii 100 11111', 'dsb',   nothing],
  ['1101010100 0 00 011 0011 iiii 101 11111', 'dmb',   nothing],
  ['1101010100 0 00 011 0011 iiii 110 11111', 'isb',   nothing],
  ['1101010100 0 01 iii iiii iiii iii ddddd', 'sys',   system],
  ['1101010100 0 1i iii iiii iiii iii ddddd', 'msr',   writeSystem],
  ['1101010100 1 1i iii iiii iiii iii ddddd', 'mrs',   readSystem],
];
