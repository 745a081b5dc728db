import type { Architecture } from '../abi/architecture.js';
import type { Relocation } from './image.js';

/**
 * Legend of Field: how the resolved value is put into the bytes.
 *   w8 w4      a word of 8 or 4 bytes, S + A
 *   p8 p4      the same, less the place P
 *   add sub    added to, subtracted from what is there (a pair makes a distance; riscv, loongarch), 8, 4 or 2 bytes
 *   adrp adr lo12 hi12 ldst b26 b19 b14   the immediate of an arm64 instruction (Arm ARM C4.1); hi12: bits 23..12 of the value
 *   -          nothing is written
 */
export type Field =
  | 'w8'
  | 'w4'
  | 'p8'
  | 'p4'
  | 'add8'
  | 'add4'
  | 'add2'
  | 'sub8'
  | 'sub4'
  | 'sub2'
  | 'adrp'
  | 'adr'
  | 'lo12'
  | 'hi12'
  | 'ldst0'
  | 'ldst1'
  | 'ldst2'
  | 'ldst3'
  | 'ldst4'
  | 'b26'
  | 'b19'
  | 'b14'
  | '-';

/** What a relocation type does to its field. */
export interface RelocationType {
  readonly name: string;
  readonly kind: Relocation['kind'];
  readonly field: Field;
}

type Row = readonly [number, string, Relocation['kind'], Field];

const table = (prefix: string, rows: readonly Row[]): ReadonlyMap<number, RelocationType> =>
  new Map(rows.map(([type, name, kind, field]) => [type, { name: `R_${prefix}_${name}`, kind, field }]));

/** System V AMD64 psABI 4.4.1. */
const X86_64 = table('X86_64', [
  [1, '64', 'absolute', 'w8'],
  [2, 'PC32', 'pc-relative', 'p4'],
  [4, 'PLT32', 'plt', 'p4'],
  [5, 'COPY', 'copy', '-'],
  [6, 'GLOB_DAT', 'absolute', 'w8'],
  [7, 'JUMP_SLOT', 'absolute', 'w8'],
  [8, 'RELATIVE', 'relative', 'w8'],
  [9, 'GOTPCREL', 'got', 'p4'],
  [10, '32', 'absolute', 'w4'],
  [11, '32S', 'absolute', 'w4'],
  [16, 'DTPMOD64', 'tls-module', '-'],
  [17, 'DTPOFF64', 'other', '-'],
  [18, 'TPOFF64', 'tls-offset', 'w8'],
  [19, 'TLSGD', 'tls-module', 'p4'],
  [20, 'TLSLD', 'tls-module', 'p4'],
  [21, 'DTPOFF32', 'other', '-'],
  [22, 'GOTTPOFF', 'tls-got', 'p4'],
  [23, 'TPOFF32', 'tls-offset', 'w4'],
  [24, 'PC64', 'pc-relative', 'p8'],
  [34, 'GOTPC32_TLSDESC', 'other', '-'],
  [35, 'TLSDESC_CALL', 'other', '-'],
  [37, 'IRELATIVE', 'other', '-'],
  [41, 'GOTPCRELX', 'got', 'p4'],
  [42, 'REX_GOTPCRELX', 'got', 'p4'],
]);

/** ELF for the Arm 64-bit Architecture (AAELF64) 5.7. */
const AARCH64 = table('AARCH64', [
  [257, 'ABS64', 'absolute', 'w8'],
  [258, 'ABS32', 'absolute', 'w4'],
  [260, 'PREL64', 'pc-relative', 'p8'],
  [261, 'PREL32', 'pc-relative', 'p4'],
  [273, 'LD_PREL_LO19', 'pc-relative', 'b19'],
  [274, 'ADR_PREL_LO21', 'pc-relative', 'adr'],
  [275, 'ADR_PREL_PG_HI21', 'pc-relative', 'adrp'],
  [276, 'ADR_PREL_PG_HI21_NC', 'pc-relative', 'adrp'],
  [277, 'ADD_ABS_LO12_NC', 'absolute', 'lo12'],
  [278, 'LDST8_ABS_LO12_NC', 'absolute', 'ldst0'],
  [279, 'TSTBR14', 'pc-relative', 'b14'],
  [280, 'CONDBR19', 'pc-relative', 'b19'],
  [282, 'JUMP26', 'plt', 'b26'],
  [283, 'CALL26', 'plt', 'b26'],
  [284, 'LDST16_ABS_LO12_NC', 'absolute', 'ldst1'],
  [285, 'LDST32_ABS_LO12_NC', 'absolute', 'ldst2'],
  [286, 'LDST64_ABS_LO12_NC', 'absolute', 'ldst3'],
  [299, 'LDST128_ABS_LO12_NC', 'absolute', 'ldst4'],
  [311, 'ADR_GOT_PAGE', 'got', 'adrp'],
  [312, 'LD64_GOT_LO12_NC', 'got', 'ldst3'],
  [541, 'TLSIE_ADR_GOTTPREL_PAGE21', 'tls-got', 'adrp'],
  [542, 'TLSIE_LD64_GOTTPREL_LO12_NC', 'tls-got', 'ldst3'],
  [549, 'TLSLE_ADD_TPREL_HI12', 'tls-offset', 'hi12'],
  [550, 'TLSLE_ADD_TPREL_LO12', 'tls-offset', 'lo12'],
  [551, 'TLSLE_ADD_TPREL_LO12_NC', 'tls-offset', 'lo12'],
  [552, 'TLSLE_LDST8_TPREL_LO12', 'tls-offset', 'ldst0'],
  [553, 'TLSLE_LDST8_TPREL_LO12_NC', 'tls-offset', 'ldst0'],
  [554, 'TLSLE_LDST16_TPREL_LO12', 'tls-offset', 'ldst1'],
  [555, 'TLSLE_LDST16_TPREL_LO12_NC', 'tls-offset', 'ldst1'],
  [556, 'TLSLE_LDST32_TPREL_LO12', 'tls-offset', 'ldst2'],
  [557, 'TLSLE_LDST32_TPREL_LO12_NC', 'tls-offset', 'ldst2'],
  [558, 'TLSLE_LDST64_TPREL_LO12', 'tls-offset', 'ldst3'],
  [559, 'TLSLE_LDST64_TPREL_LO12_NC', 'tls-offset', 'ldst3'],
  [562, 'TLSDESC_ADR_PAGE21', 'other', '-'],
  [563, 'TLSDESC_LD64_LO12', 'other', '-'],
  [564, 'TLSDESC_ADD_LO12', 'other', '-'],
  [569, 'TLSDESC_CALL', 'other', '-'],
  [1024, 'COPY', 'copy', '-'],
  [1025, 'GLOB_DAT', 'absolute', 'w8'],
  [1026, 'JUMP_SLOT', 'absolute', 'w8'],
  [1027, 'RELATIVE', 'relative', 'w8'],
  [1028, 'TLS_DTPMOD', 'tls-module', '-'],
  [1029, 'TLS_DTPREL', 'other', '-'],
  [1030, 'TLS_TPREL', 'tls-offset', 'w8'],
  [1031, 'TLSDESC', 'other', '-'],
]);

/** Label differences of linker relaxation, the same in both classes (RISC-V ELF psABI, "Relocations"). */
const RISCV_SUMS: readonly Row[] = [
  [34, 'ADD16', 'other', 'add2'],
  [35, 'ADD32', 'other', 'add4'],
  [36, 'ADD64', 'other', 'add8'],
  [38, 'SUB16', 'other', 'sub2'],
  [39, 'SUB32', 'other', 'sub4'],
  [40, 'SUB64', 'other', 'sub8'],
];

/** Elsewhere only data is read, so only what fills data words is known; each from the machine's psABI supplement. */
const OTHERS: Readonly<Partial<Record<Architecture, ReadonlyMap<number, RelocationType>>>> = {
  i386: table('386', [
    [1, '32', 'absolute', 'w4'],
    [2, 'PC32', 'pc-relative', 'p4'],
    [6, 'GLOB_DAT', 'absolute', 'w4'],
    [7, 'JMP_SLOT', 'absolute', 'w4'],
    [8, 'RELATIVE', 'relative', 'w4'],
  ]),
  arm: table('ARM', [
    [2, 'ABS32', 'absolute', 'w4'],
    [3, 'REL32', 'pc-relative', 'p4'],
    [21, 'GLOB_DAT', 'absolute', 'w4'],
    [23, 'RELATIVE', 'relative', 'w4'],
  ]),
  ppc64: table('PPC64', [
    [1, 'ADDR32', 'absolute', 'w4'],
    [22, 'RELATIVE', 'relative', 'w8'],
    [26, 'REL32', 'pc-relative', 'p4'],
    [38, 'ADDR64', 'absolute', 'w8'],
    [44, 'REL64', 'pc-relative', 'p8'],
  ]),
  ppc: table('PPC', [
    [1, 'ADDR32', 'absolute', 'w4'],
    [22, 'RELATIVE', 'relative', 'w4'],
    [26, 'REL32', 'pc-relative', 'p4'],
  ]),
  s390x: table('390', [
    [4, '32', 'absolute', 'w4'],
    [5, 'PC32', 'pc-relative', 'p4'],
    [12, 'RELATIVE', 'relative', 'w8'],
    [22, '64', 'absolute', 'w8'],
    [23, 'PC64', 'pc-relative', 'p8'],
  ]),
  s390: table('390', [
    [4, '32', 'absolute', 'w4'],
    [5, 'PC32', 'pc-relative', 'p4'],
    [12, 'RELATIVE', 'relative', 'w4'],
  ]),
  riscv64: table('RISCV', [
    [1, '32', 'absolute', 'w4'],
    [2, '64', 'absolute', 'w8'],
    [3, 'RELATIVE', 'relative', 'w8'],
    ...RISCV_SUMS,
  ]),
  riscv32: table('RISCV', [[1, '32', 'absolute', 'w4'], [3, 'RELATIVE', 'relative', 'w4'], ...RISCV_SUMS]),
  mips: table('MIPS', [
    [2, '32', 'absolute', 'w4'],
    [3, 'REL32', 'relative', 'w4'],
    [18, '64', 'absolute', 'w8'],
  ]),
  loongarch64: table('LARCH', [
    [1, '32', 'absolute', 'w4'],
    [2, '64', 'absolute', 'w8'],
    [3, 'RELATIVE', 'relative', 'w8'],
    [48, 'ADD16', 'other', 'add2'],
    [50, 'ADD32', 'other', 'add4'],
    [51, 'ADD64', 'other', 'add8'],
    [53, 'SUB16', 'other', 'sub2'],
    [55, 'SUB32', 'other', 'sub4'],
    [56, 'SUB64', 'other', 'sub8'],
  ]),
};

/** By r_type; empty where the architecture's are not known. */
export function relocationTypes(architecture: Architecture | undefined): ReadonlyMap<number, RelocationType> {
  if (architecture === 'x86-64') return X86_64;
  if (architecture === 'aarch64') return AARCH64;
  return (architecture && OTHERS[architecture]) ?? new Map();
}

const signed = (value: number, bits: number): number => {
  const field = BigInt.asIntN(bits, BigInt(Math.trunc(value)));
  return Number(field);
};

const sizeOf = (field: Field): 8 | 4 | 2 =>
  field.endsWith('8') ? 8 : field === 'add2' || field === 'sub2' ? 2 : 4;

/** The addend of a REL entry, which stands in the field itself (gABI, "Relocation"); 0 where it is no whole word. */
export function implicitAddend(view: DataView, at: number, field: Field, little: boolean): number {
  if (at < 0 || at + sizeOf(field) > view.byteLength) return 0;
  if (field === 'w8' || field === 'p8') return Number(view.getBigInt64(at, little));
  return field === 'w4' || field === 'p4' ? view.getInt32(at, little) : 0;
}

/** Puts a resolved value into the bytes at `at`. `value` is S + A; `place` is P. Out of range: nothing is written. */
export function patch(
  view: DataView,
  at: number,
  field: Field,
  value: number,
  place: number,
  little: boolean,
): void {
  if (field === '-' || !Number.isFinite(value)) return;
  const size = sizeOf(field);
  if (at < 0 || at + size > view.byteLength) return;
  const set8 = (v: bigint) => view.setBigUint64(at, BigInt.asUintN(64, v), little);
  const whole = (v: number) => BigInt(Math.trunc(v));
  switch (field) {
    case 'w8':
      return set8(whole(value));
    case 'p8':
      return set8(whole(value - place));
    case 'add8':
      return set8(view.getBigUint64(at, little) + whole(value));
    case 'sub8':
      return set8(view.getBigUint64(at, little) - whole(value));
    case 'w4':
      return view.setInt32(at, signed(value, 32), little);
    case 'p4':
      return view.setInt32(at, signed(value - place, 32), little);
    case 'add4':
      return view.setInt32(at, signed(view.getInt32(at, little) + value, 32), little);
    case 'sub4':
      return view.setInt32(at, signed(view.getInt32(at, little) - value, 32), little);
    case 'add2':
      return view.setUint16(at, (view.getUint16(at, little) + value) & 0xffff, little);
    case 'sub2':
      return view.setUint16(at, (view.getUint16(at, little) - value) & 0xffff, little);
    default:
      return patchA64(view, at, field, value, place);
  }
}

/** arm64 instructions are little-endian in files of either byte order. */
function patchA64(view: DataView, at: number, field: Field, value: number, place: number): void {
  const word = view.getUint32(at, true);
  const put = (mask: number, bits: number) =>
    view.setUint32(at, ((word & ~mask) | (bits & mask)) >>> 0, true);
  const page = (address: number) => Math.floor(address / 4096);
  const adr = (immediate: number) =>
    put(0x60ffffe0, ((immediate & 3) << 29) | (((immediate >> 2) & 0x7ffff) << 5));
  switch (field) {
    case 'adrp':
      return adr(page(value) - page(place));
    case 'adr':
      return adr(value - place);
    case 'hi12':
      return put(0x003ffc00, (Math.floor(value / 4096) % 4096) << 10);
    case 'lo12':
      return put(0x003ffc00, (value % 4096) << 10);
    case 'b26':
      return put(0x03ffffff, (value - place) / 4);
    case 'b19':
      return put(0x00ffffe0, ((value - place) / 4) << 5);
    case 'b14':
      return put(0x0007ffe0, ((value - place) / 4) << 5);
    default:
      return put(0x003ffc00, ((value % 4096) >> Number(field.slice(4))) << 10);
  }
}
