/**
 * RSEQ_SIG: the word that must stand in the 4 bytes before abort_ip. The kernel compares it as a u32 in its own
 * (data) byte order with the one registered; the values are conventions of librseq and glibc, chosen so that the
 * word is a trap, or no instruction a compiler emits.
 */
import type { Architecture } from './architecture.js';

/** RSEQ_SIG of an architecture. */
export interface Signature {
  /** As registered on a little-endian system, or on the only byte order of the architecture. */
  readonly value: number;
  /** As registered by a big-endian process, where that differs: code stays little-endian there, data does not. */
  readonly bigEndian?: number;
  readonly instruction: string;
  readonly variants?: readonly {
    readonly name: string;
    readonly littleEndian: number;
    readonly bigEndian: number;
  }[];
  readonly note?: string;
  readonly source: string;
}

const librseq = (file: string): string => `librseq include/rseq/arch/${file}.h; glibc bits/rseq.h`;

const X86: Signature = {
  value: 0x5305_3053,
  instruction: 'ud1 0x53053053(%rip),%edi when the bytes 0f b9 3d stand before it, as librseq writes them',
  note: 'other code puts the word behind a jump or inside a nop; only the 4 bytes before abort_ip count',
  source: librseq('x86'),
};
const PPC: Signature = { value: 0x0fe5_000b, instruction: 'twui r5,11', source: librseq('ppc') };
const S390: Signature = { value: 0xb2ff_0fff, instruction: 'trap4 4095(%r0)', source: librseq('s390') };
const RISCV: Signature = {
  value: 0xf140_1073,
  instruction: 'csrrw x0, mhartid, x0 (illegal in every mode)',
  note: 'little-endian only',
  source: librseq('riscv'),
};

/** By architecture; a program may register another word (--signature). */
export const SIGNATURES: Readonly<Record<Architecture, Signature>> = {
  'x86-64': X86,
  i386: { ...X86, instruction: 'ud1 0x53053053,%edi when the bytes 0f b9 3d stand before it' },
  aarch64: {
    value: 0xd428_bc00,
    bigEndian: 0x00bc_28d4,
    instruction: 'brk #0x45e0',
    note: 'code is little-endian in big-endian files too: the same bytes 00 bc 28 d4 in both',
    source: librseq('aarch64'),
  },
  arm: {
    value: 0xe7f5_def3,
    bigEndian: 0xf3de_f5e7,
    instruction: 'udf #24035 (A32); udf #243; b.n (T16)',
    note: 'big-endian: ARMv6 and newer (BE8) only; in BE32 the word is data, not an instruction',
    source: librseq('arm'),
  },
  ppc64: PPC,
  ppc: PPC,
  s390x: S390,
  s390: S390,
  riscv64: RISCV,
  riscv32: RISCV,
  mips: {
    value: 0x0350_000d,
    instruction: 'break 0x350',
    variants: [
      { name: 'nanoMIPS', littleEndian: 0x0350_0010, bigEndian: 0x0010_0350 },
      { name: 'microMIPS', littleEndian: 0xd407_0000, bigEndian: 0x0000_d407 },
    ],
    note: 'nanoMIPS and microMIPS code is made of 16-bit halves, so little-endian swaps them',
    source: librseq('mips'),
  },
  loongarch64: { value: 0x002a_0010, instruction: 'break 0x10', source: librseq('loongarch') },
};

/** The usual RSEQ_SIG as the kernel reads it from a process of this byte order. */
export function rseqSignature(architecture: Architecture, littleEndian = true): number {
  const signature = SIGNATURES[architecture];
  return littleEndian ? signature.value : (signature.bigEndian ?? signature.value);
}

/** Every word that librseq may register on this architecture: the usual one first, then the variants. */
export function rseqSignatures(architecture: Architecture, littleEndian = true): readonly number[] {
  const { variants = [] } = SIGNATURES[architecture];
  return [
    rseqSignature(architecture, littleEndian),
    ...variants.map((one) => (littleEndian ? one.littleEndian : one.bigEndian)),
  ];
}
