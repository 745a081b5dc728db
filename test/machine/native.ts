import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where the runner (test/fixtures/native/runner.s) puts code and data. */
export const CODE = 0x3000_0000;
export const DATA = 0x3001_0000;
export const DATA_SIZE = 256;
const LENGTH = 928;
const FX = 416;
/** Bytes of what fxsave writes: x87, MXCSR and xmm0..xmm15 (Intel SDM vol. 1, table 10-2). */
export const FX_SIZE = 512;

/** Registers, flags, data and what fxsave writes, before or behind an instruction. */
export interface NativeState {
  readonly registers: readonly bigint[];
  readonly flags: bigint;
  readonly data: Uint8Array;
  readonly fx: Uint8Array;
}

export interface NativeCase extends NativeState {
  /** One instruction, at most 15 bytes, that runs at CODE. */
  readonly code: Uint8Array;
}

/** How far ahead of the next instruction a jump may go, in bytes. */
export const AHEAD = 64;

/** `went`: behind the instruction, or AHEAD bytes further; `signal`: it did not end. */
export interface NativeResult extends NativeState {
  readonly went: 'on' | 'ahead' | undefined;
  readonly signal: number | undefined;
}

/** Runs instructions on this machine's processor. Throws where it is no x86-64 Linux. */
export function runNative(cases: readonly NativeCase[]): NativeResult[] {
  const input = new Uint8Array(cases.length * LENGTH);
  const view = new DataView(input.buffer);
  for (const [index, { code, registers, flags, data, fx }] of cases.entries()) {
    const at = index * LENGTH;
    input[at] = code.length;
    input.set(code, at + 1);
    for (const [n, value] of registers.entries()) view.setBigUint64(at + 16 + 8 * n, value, true);
    view.setBigUint64(at + 144, flags, true);
    input.set(data, at + 152);
    input.set(fx, at + FX);
  }
  const runner = fileURLToPath(new URL('../fixtures/native/runner', import.meta.url));
  const { stdout, error, signal } = spawnSync(runner, { input, maxBuffer: 2 ** 30 });
  if (error) throw error;
  if (stdout.length !== input.length)
    throw new Error(`the runner ended (${signal}) behind case ${stdout.length / LENGTH} of ${cases.length}`);
  const output = new DataView(stdout.buffer, stdout.byteOffset, stdout.length);
  return cases.map((_, index) => {
    const at = index * LENGTH;
    const status = Number(output.getBigUint64(at, true));
    return {
      went: status === 0 ? 'on' : status === 1 ? 'ahead' : undefined,
      signal: status >= 256 ? status - 256 : undefined,
      registers: Array.from({ length: 16 }, (_, n) => output.getBigUint64(at + 16 + 8 * n, true)),
      flags: output.getBigUint64(at + 144, true),
      data: new Uint8Array(stdout.subarray(at + 152, at + 152 + DATA_SIZE)),
      fx: new Uint8Array(stdout.subarray(at + FX, at + LENGTH)),
    };
  });
}
