import { FX_SIZE } from './native.js';
import { hex, range } from './opcodes.js';
import type { Random } from './random.js';

const PREFIXES = [0, 0x66, 0xf3, 0xf2];

/** Opcodes behind 0x0f of SSE and SSE2, with what follows them (see OPCODES in opcodes.ts). The prefix decides which instruction it is. */
export const VECTOR_OPCODES: readonly (readonly [opcode: string, follows: string])[] = [
  ...[...range(0x10, 0x18), ...range(0x28, 0x30), ...range(0x50, 0x70)],
  ...[0x74, 0x75, 0x76, 0x77, 0x7e, 0x7f, 0xc3],
  ...range(0xd1, 0x100),
]
  .map((op): [string, string] => [hex(op), op === 0x77 ? '' : 'm'])
  .concat([0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6].map((op) => [hex(op), 'm1']));

/** Prefix, REX, opcode. */
export function vectorStart(random: Random): { bytes: number[]; follows: string } {
  const [opcode, follows] = random.pick(VECTOR_OPCODES);
  const prefix = random.pick(PREFIXES);
  const rex = random.below(2) > 0 ? [0x40 | random.below(16)] : [];
  const bytes = [...(prefix === 0 ? [] : [prefix]), ...rex, 0x0f, Number.parseInt(opcode, 16)];
  return { bytes, follows };
}

/** Where rules change: zeros, ones, the smallest and largest, infinities, NaNs with payloads, the borders of integers. */
const DOUBLES = [
  0n,
  0x3ff0_0000_0000_0000n,
  0x3fe0_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x4004_0000_0000_0000n,
  0x0000_0000_0000_0001n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0x7ff4_5678_9abc_def0n,
  0x7ff8_0000_0000_0000n,
  0x7ffd_cba9_8765_4321n,
  0x41df_ffff_ffff_ffffn,
  0x41e0_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0x41df_ffff_ffe0_0000n,
  0x43df_ffff_ffff_ffffn,
  0x43e0_0000_0000_0000n,
  0x47ef_ffff_f000_0000n,
  0x380f_ffff_ffff_ffffn,
  0x3690_0000_0000_0001n,
];
const SINGLES = [
  0n,
  0x3f80_0000n,
  0x3f00_0000n,
  0x3fc0_0000n,
  0x4020_0000n,
  0x0000_0001n,
  0x007f_ffffn,
  0x0080_0000n,
  0x7f7f_ffffn,
  0x7f80_0000n,
  0x7f80_0001n,
  0x7fa5_4321n,
  0x7fc0_0000n,
  0x7fed_cba9n,
  0x4eff_ffffn,
  0x4f00_0000n,
  0x5eff_ffffn,
  0x5f00_0000n,
];

/** 64 bits: a double, two floats, or small and border integers. */
export function lanes(random: Random): bigint {
  const sign = BigInt(random.below(2));
  switch (random.below(6)) {
    case 0:
      return random.pick(DOUBLES) | (sign << 63n);
    case 1: {
      const single = (): bigint => random.pick(SINGLES) | (BigInt(random.below(2)) << 31n);
      return single() | (single() << 32n);
    }
    case 2: {
      // Doubles near each other in size: sums that cancel, quotients near one.
      const exponent = BigInt(1023 - 66 + random.below(132));
      return (sign << 63n) | (exponent << 52n) | (random.u64() & 0xf_ffff_ffff_ffffn);
    }
    case 3: {
      const single = (): bigint => BigInt(((127 - 34 + random.below(68)) << 23) | random.below(1 << 23));
      return (sign << 31n) | single() | (single() << 32n);
    }
    case 4: {
      // Results at the lower end: denormals.
      const exponent = BigInt(random.below(80));
      return (sign << 63n) | (exponent << 52n) | (random.u64() & 0xf_ffff_ffff_ffffn);
    }
    default:
      return random.u64();
  }
}

const USUAL_MXCSR = 0x1f80;

/** Numbers of 80 bits: their heads (sign and exponent) and significands. */
const HEADS = [
  0, 1, 2, 0x3fff, 0x3ffe, 0x4000, 0x403e, 0x403d, 0x3f81, 0x3f80, 0x3f6a, 0x407e, 0x407f,
].concat([0x3c01, 0x3c00, 0x3bcd, 0x43fe, 0x43ff, 0x7ffe, 0x7fff, 0x7fff, 0x400e, 0x401e]);
const SIGNIFICANDS = [
  0n,
  1n,
  0x8000_0000_0000_0000n,
  0x8000_0000_0000_0001n,
  0xffff_ffff_ffff_ffffn,
  0xffff_ffff_ffff_fc00n,
  0xffff_ff80_0000_0000n,
  0xa000_0000_0000_0000n,
  0xc000_0000_0000_0000n,
  0xc000_0000_0000_1234n,
  0x9000_0000_0000_0001n,
  0x7fff_ffff_ffff_ffffn,
  0x4000_0000_0000_0000n,
  0x8000_0000_0000_0400n,
  0x8000_0080_0000_0000n,
];

/** 80 bits, sign and exponent in the upper 16. */
export function extended(random: Random): readonly [significand: bigint, head: number] {
  const sign = random.below(2) * 0x8000;
  const normal = random.u64() | 0x8000_0000_0000_0000n;
  switch (random.below(6)) {
    case 0:
      return [random.pick(SIGNIFICANDS), sign | random.pick(HEADS)];
    case 1:
      return [normal, sign | random.pick(HEADS)];
    case 2:
      // Near each other in size.
      return [
        random.below(2) === 0 ? normal : random.pick(SIGNIFICANDS) | (1n << 63n),
        sign | (0x3fbf + random.below(130)),
      ];
    case 3:
      return [random.below(2) === 0 ? normal : random.u64(), sign | random.below(80)];
    case 4: {
      // Integers and halves of them.
      const value = BigInt(1 + random.below(2 ** random.pick([4, 16, 31])));
      const length = value.toString(2).length;
      return [value << BigInt(64 - length), sign | (16_382 + length - random.below(3))];
    }
    default:
      return [random.u64(), random.below(0x10000)];
  }
}

const oneOf = (random: Random, chance: number, bits: () => number): number =>
  random.below(chance) === 0 ? bits() : 0;

/**
 * A state of x87 and vector registers as fxsave writes it. A third of them round otherwise, take denormals for zeros, flush results to zeros,
 * have less precision; a few have exceptions unmasked, or registers empty.
 */
export function randomFx(random: Random): Uint8Array {
  const fx = new Uint8Array(FX_SIZE);
  const view = new DataView(fx.buffer);
  const rounding = oneOf(random, 3, () => random.below(4) << 10);
  const precision = oneOf(random, 3, () => random.pick([1, 3]) << 8);
  const unmaskedHere = oneOf(random, 16, () => 1 << random.below(6));
  view.setUint16(0, (0x37f ^ precision ^ unmaskedHere) | rounding, true);
  // A flag stands only where its exception is masked: else it would be pending.
  view.setUint16(2, (random.below(0x10000) & 0x7f3f & ~unmaskedHere) >>> 0, true);
  view.setUint8(
    4,
    random.below(3) === 0 ? random.below(256) : 255 & ~oneOf(random, 2, () => 1 << random.below(8)),
  );
  for (let n = 0; n < 8; n++) {
    const [significand, head] = extended(random);
    view.setBigUint64(32 + 16 * n, significand, true);
    view.setUint16(40 + 16 * n, head, true);
  }
  const modes = oneOf(random, 3, () => random.below(16));
  const unmasked = oneOf(random, 16, () => 1 << (7 + random.below(6)));
  const mxcsr = (USUAL_MXCSR & ~unmasked) | ((modes & 1) << 6) | ((modes >> 1) << 13);
  // A flag that stands while its exception is unmasked traps nobody.
  view.setUint32(24, mxcsr | random.below(64), true);
  for (let at = 160; at < 160 + 256; at += 8) view.setBigUint64(at, lanes(random), true);
  return fx;
}
