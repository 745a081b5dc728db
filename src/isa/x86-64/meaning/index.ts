import { CpuidFeature, type Instruction, Mnemonic, OpKind } from 'iced-x86';
import type { Meaning } from '../../meaning.js';
import { isGeneral, isMm, isSt, isXmm, numberOf, type OperandKind, operandsOf } from '../iced-registers.js';
import { BITS } from './bits.js';
import { CONTROL } from './control.js';
import { Draft } from './draft.js';
import { INTEGER, type Row } from './integer.js';
import { MMX, MMX_FROM_MEMORY } from './mmx.js';
import { MULTIPLY } from './multiply.js';
import { SHIFTS } from './shifts.js';
import { SSE_FLOAT } from './sse-float.js';
import { SSE_INTEGER } from './sse-integer.js';
import { SSE_MOVES } from './sse-moves.js';
import { STRINGS } from './strings.js';
import { SYSTEM } from './system.js';
import { X87 } from './x87.js';

const ROWS: ReadonlyMap<Mnemonic, Row> = new Map([
  ...INTEGER,
  ...SHIFTS,
  ...MULTIPLY,
  ...BITS,
  ...CONTROL,
  ...SSE_MOVES,
  ...SSE_INTEGER,
  ...SSE_FLOAT,
  ...SYSTEM,
  ...X87,
  ...MMX_FROM_MEMORY,
]);

/** What cpuid announces, and what every processor has (iced-x86's names). */
const BASELINE: ReadonlySet<CpuidFeature> = new Set([
  ...[CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386],
  ...[CpuidFeature.INTEL486, CpuidFeature.X64, CpuidFeature.CPUID, CpuidFeature.MULTIBYTENOP],
  ...[CpuidFeature.PAUSE, CpuidFeature.MSR, CpuidFeature.RDPMC, CpuidFeature.SYSCALL, CpuidFeature.SEP],
  ...[CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.MMX, CpuidFeature.FXSR],
  ...[CpuidFeature.TSC, CpuidFeature.RDTSCP, CpuidFeature.CX8, CpuidFeature.CMPXCHG16B],
  ...[CpuidFeature.CMOV, CpuidFeature.CLFSH, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.PREFETCHW],
]);

/** Their own table: movsd and cmpsd are names of vector instructions too. */
const STRING_ROWS: ReadonlyMap<Mnemonic, Row> = new Map(STRINGS);

/**
 * What an x86-64 instruction does (Intel SDM vol. 2); undefined where no row says so: it must not be run. What belongs to an extension that
 * cpuid does not announce is undefined to the processor as well.
 */
export function meaningOf(instruction: Instruction): Meaning | undefined {
  const { mnemonic, nextIP: next } = instruction;
  const operands = operandsOf(instruction);
  const isString = STRING_ROWS.has(mnemonic) && instruction.isStringInstruction;
  const hasMmx = operands.some(({ register }) => isMm(register));
  const row = (isString ? STRING_ROWS : hasMmx ? MMX : ROWS).get(mnemonic);
  if (row === undefined || !operands.every(isKnown))
    return isExtension(instruction) ? { statements: [{ do: 'trap', trap: 'undefined' }], next } : undefined;
  if ((mnemonic === Mnemonic.Jmp || mnemonic === Mnemonic.Call) && isFar(instruction)) return undefined;
  const draft = new Draft(instruction, operands);
  row(draft);
  return { statements: draft.statements, next };
}

/** General and vector registers of the baseline, and the x87's: not those of AVX, segments or the system. */
const isKnown = ({ kind, register }: OperandKind): boolean =>
  kind !== OpKind.Register ||
  isGeneral(register) ||
  isSt(register) ||
  isMm(register) ||
  (isXmm(register) && numberOf(register) < 16);

const isExtension = (instruction: Instruction): boolean =>
  instruction.cpuidFeatures().some((feature) => !BASELINE.has(feature));

/** To another code segment: no 64-bit program does. */
const isFar = (instruction: Instruction): boolean =>
  instruction.isJmpFarIndirect ||
  instruction.isCallFarIndirect ||
  instruction.isJmpFar ||
  instruction.isCallFar;
