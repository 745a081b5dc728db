import type { Trap } from '../../isa/meaning.js';
import { FX, readImage, writeImage } from './image.js';

/**
 * XSAVE, XSAVEC and XRSTOR with the two parts that the machine has (Intel SDM vol. 1, 13.7 to 13.10): the x87 and SSE, which lie as fxsave lays them out, and a
 * header behind that. CPUID does not announce them: they are for programs that have begun on another processor (kernel/image), whose dynamic linker saves
 * registers so.
 */
const PART = { X87: 1, SSE: 2 } as const;
const SUPPORTED = PART.X87 | PART.SSE;
const HEADER = 64;
const COMPACT = 1n << 63n;
/** Where each part lies; MXCSR goes with SSE. */
const AREAS: readonly (readonly [part: number, start: number, end: number])[] = [
  [PART.X87, 0, FX.mxcsr],
  [PART.SSE, FX.mxcsr, FX.registers],
  [PART.X87, FX.registers, FX.xmm],
  [PART.SSE, FX.xmm, FX.xmm + 256],
];

interface Memory {
  readonly view: DataView;
  read(address: bigint, size: number): Uint8Array;
  write(address: bigint, bytes: Uint8Array): void;
}

/** `asked`: edx:eax. What is not asked for stays in memory as it was. */
export function xsave(memory: Memory, address: bigint, asked: bigint, compact: boolean): undefined {
  const parts = Number(asked & BigInt(SUPPORTED));
  const bytes = memory.read(address, FX.size + HEADER);
  const now = writeImage(memory.view);
  for (const [part, start, end] of AREAS)
    if ((parts & part) !== 0) bytes.set(now.subarray(start, end), start);
  const header = new DataView(bytes.buffer, FX.size);
  const before = compact ? 0n : header.getBigUint64(0, true) & ~BigInt(parts);
  header.setBigUint64(0, before | BigInt(parts), true);
  if (compact) header.setBigUint64(8, COMPACT | BigInt(parts), true);
  memory.write(address, bytes);
}

/** Parts that memory does not hold become what they are at the beginning. */
export function xrstor(memory: Memory, address: bigint, asked: bigint): Trap | undefined {
  const parts = Number(asked & BigInt(SUPPORTED));
  const bytes = memory.read(address, FX.size + HEADER);
  const header = new DataView(bytes.buffer, FX.size);
  const [held, form] = [header.getBigUint64(0, true), header.getBigUint64(8, true)];
  const unknown = ~BigInt(SUPPORTED);
  if ((held & unknown) !== 0n || (form & unknown & ~COMPACT) !== 0n) return 'general-protection';
  if (form !== 0n && (form & COMPACT) === 0n) return 'general-protection';
  const now = writeImage(memory.view);
  for (const [part, start, end] of AREAS) {
    if ((parts & part) === 0) continue;
    const from = (Number(held) & part) === 0 ? INITIAL : bytes;
    now.set(from.subarray(start, end), start);
  }
  return readImage(memory.view, now);
}

/** As at the beginning of a program: control word 0x37f, MXCSR 0x1f80. */
const INITIAL = new Uint8Array(FX.size);
new DataView(INITIAL.buffer).setUint16(FX.control, 0x37f, true);
new DataView(INITIAL.buffer).setUint32(FX.mxcsr, 0x1f80, true);
