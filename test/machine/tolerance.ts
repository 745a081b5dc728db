import { type Instruction, MemorySizeExt, Mnemonic, RegisterExt } from 'iced-x86';
import { FLAG_BITS } from '../../src/isa/meaning.js';
import { meaningOf } from '../../src/isa/x86-64/meaning/index.js';
import { usesFloats } from '../../src/machine/float-code.js';
import type { NativeCase } from './native.js';
import { isBitTest } from './random.js';

/** What manuals leave open, and what this machine does not do: not compared with a processor. */
export interface Tolerance {
  /** Bits of rflags, MXCSR and the x87's status word that count. */
  readonly flags: bigint;
  readonly mxcsr: number;
  readonly status: number;
  /** Is a field that differs near enough? */
  readonly near: (field: string, wanted: string, got: string) => boolean;
}

/** All status flags, and DF. */
const RFLAGS = 0xcd5n;
export const EXACT: Tolerance = { flags: RFLAGS, mxcsr: 0xffff, status: 0xffff, near: () => false };

export function toleranceOf(instruction: Instruction, one: NativeCase): Tolerance {
  const name = Mnemonic[instruction.mnemonic]!;
  return {
    flags: RFLAGS & ~undefinedFlags(instruction, one),
    mxcsr: mxcsrMask(instruction, one),
    status: STATUS.find(({ names }) => names.test(name))?.mask ?? 0xffff,
    near: NEAR.find(({ names }) => names.test(name))?.near ?? EXACT.near,
  };
}

const TRANSCENDENTAL = /^F(yl2xp?1?|patan|2xm1|sin|cos|sincos|ptan)$/;

/**
 * Bits of the x87's status word, by mnemonic. C1 behind fcomi: the Intel SDM (vol. 2, FCOMI) clears it, AMD leaves it.
 * C1 and PE of transcendental functions say how a result was rounded that is not the same everywhere.
 */
const STATUS: readonly { readonly names: RegExp; readonly mask: number }[] = [
  { names: /^Fu?comi/, mask: 0xfdff },
  { names: TRANSCENDENTAL, mask: 0xfddf },
];

/** rcpps and rsqrtps: processors differ within a relative error of 1.5 * 2^-12 each (Intel SDM vol. 2, RCPPS). */
function nearFloats(field: string, wanted: string, got: string): boolean {
  const values = (text: string): number[] => {
    const view = new DataView(new ArrayBuffer(16));
    for (const [n, part] of text.split(' ').entries()) view.setBigUint64(8 * n, BigInt(`0x${part}`));
    return [0, 4, 8, 12].map((at) => view.getFloat32(at));
  };
  if (!field.startsWith('xmm')) return false;
  const ours = values(got);
  return values(wanted).every(
    (value, n) => Object.is(value, ours[n]) || Math.abs(value / ours[n]! - 1) <= 2 * 1.5 * 2 ** -12,
  );
}

/** Transcendental functions of the x87: within a unit in the last place (Intel SDM vol. 1, 8.3.10). */
function nearExtended(field: string, wanted: string, got: string): boolean {
  if (!/^st[01]$/.test(field)) return false;
  const number = (text: string): bigint => {
    const [head, significand] = text.split(' ').map((part) => BigInt(`0x${part}`));
    return ((head! & 0x7fffn) << 64n) | significand!;
  };
  const difference = number(wanted) - number(got);
  return (difference < 0n ? -difference : difference) <= 2n;
}

/** Results that processors give differently, by mnemonic. */
const NEAR: readonly { readonly names: RegExp; readonly near: Tolerance['near'] }[] = [
  { names: /^R(cp|sqrt)[ps]s$/, near: nearFloats },
  { names: TRANSCENDENTAL, near: nearExtended },
];

/** In the usual mode arithmetic raises no flags of MXCSR (docs/machine.md). */
function mxcsrMask(instruction: Instruction, { fx }: NativeCase): number {
  const mxcsr = new DataView(fx.buffer, fx.byteOffset).getUint32(24, true);
  return (mxcsr & 0xffc0) === 0x1f80 && usesFloats(meaningOf(instruction)!) ? 0xffc0 : 0xffff;
}

/** Not what this machine's processor lacks and the one under the test may have. */
export function isOurs(instruction: Instruction): boolean {
  // Which bits of MXCSR there are differs: AMD has one of its own in the image.
  if ([Mnemonic.Fxsave, Mnemonic.Fxsave64].includes(instruction.mnemonic)) return false;
  const first = meaningOf(instruction)?.statements[0];
  const undefinedHere = first?.do === 'trap' && (first.trap === 'undefined' || first.trap === 'unsupported');
  return (
    meaningOf(instruction) !== undefined && (!undefinedHere || /^Ud/.test(Mnemonic[instruction.mnemonic]!))
  );
}

/** Is the result itself undefined? shld and shrd of 16 bits by more than 16; logarithms and powers too far out. */
export function isUndefinedResult({
  instruction,
  case: one,
}: {
  instruction: Instruction;
  case: NativeCase;
}): boolean {
  // Outside of -1..1 and of about -0.3..0.4 (Intel SDM vol. 2, F2XM1 and FYL2XP1).
  const limit = { [Mnemonic.F2xm1]: 0x3fff, [Mnemonic.Fyl2xp1]: 0x3ffd }[instruction.mnemonic as number];
  if (limit !== undefined) return (new DataView(one.fx.buffer).getUint16(40, true) & 0x7fff) >= limit;
  if (![Mnemonic.Shld, Mnemonic.Shrd].includes(instruction.mnemonic) || sizeOf(instruction) !== 2)
    return false;
  const raw = instruction.opKind(2) === 0 ? one.registers[1]! : instruction.immediate(2);
  return (raw & 31n) > 16n;
}

const flagMask = (...names: (keyof typeof FLAG_BITS)[]): bigint =>
  names.reduce((mask, name) => mask | (1n << BigInt(FLAG_BITS[name])), 0n);

/** Flags that the Intel SDM (vol. 2, "Flags Affected" of each instruction) leaves undefined. */
function undefinedFlags(instruction: Instruction, { registers }: NativeCase): bigint {
  const name = Mnemonic[instruction.mnemonic]!;
  if (/^(And|Or|Xor|Test)$/.test(name)) return flagMask('af');
  if (/^(Mul|Imul)$/.test(name)) return flagMask('sf', 'zf', 'af', 'pf');
  if (/^(Div|Idiv)$/.test(name)) return flagMask('cf', 'pf', 'af', 'zf', 'sf', 'of');
  if (/^Bs[fr]$/.test(name)) return flagMask('cf', 'of', 'sf', 'af', 'pf');
  if (/^(Tzcnt|Lzcnt)$/.test(name)) return flagMask('of', 'sf', 'af', 'pf');
  if (isBitTest(instruction)) return flagMask('of', 'sf', 'af', 'pf');
  if (/^(Sh[lr]d?|Sal|Sar|R[oc][lr])$/.test(name)) {
    const last = instruction.opCount - 1;
    const wide = sizeOf(instruction) === 8;
    const raw =
      /d$/.test(name) || instruction.opCount > 1
        ? instruction.opKind(last) === 0
          ? registers[1]!
          : instruction.immediate(last)
        : 1n;
    const count = Number(raw & (wide ? 63n : 31n));
    if (count === 0) return 0n;
    const shift = /^(S)/.test(name);
    const beyond = shift && name !== 'Sar' && count >= 8 * sizeOf(instruction) ? flagMask('cf') : 0n;
    return (shift ? flagMask('af') : 0n) | (count === 1 ? 0n : flagMask('of')) | beyond;
  }
  return 0n;
}

function sizeOf(instruction: Instruction): number {
  return instruction.opKind(0) === 0 ? registerSize(instruction) : memorySize(instruction);
}

const registerSize = (instruction: Instruction): number => RegisterExt.size(instruction.opRegister(0));
const memorySize = (instruction: Instruction): number => MemorySizeExt.size(instruction.memorySize);
