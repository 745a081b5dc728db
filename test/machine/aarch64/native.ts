import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Where the runner (test/fixtures/native/runner-aarch64.s) puts words and data. */
export const CODE = 0x100_0000;
export const PAGE_START = 0x101_0000;
/** The end of a page: behind the data nothing is mapped. */
export const DATA = 0x101_0f00;
export const DATA_SIZE = 256;
/** Where a jump of a case leads, in bytes from its first word. */
export const AHEAD = 256;
const LENGTH = 1120;
const AT = {
  count: 0,
  status: 8,
  pc: 16,
  address: 24,
  words: 32,
  registers: 64,
  nzcv: 320,
  fpcr: 328,
  fpsr: 336,
};
const [VECTORS, BYTES] = [352, 864];

/** x0..x30 and sp, PSTATE's flags in bits 31..28, v0..v31 as bytes, data. */
export interface State {
  readonly registers: readonly bigint[];
  readonly nzcv: number;
  readonly fpcr: number;
  readonly fpsr: number;
  readonly vectors: Uint8Array;
  readonly data: Uint8Array;
}

export interface Case extends State {
  readonly words: readonly number[];
}

/** `status`: 0 went on behind the words, 1 went AHEAD, else 256 + signal, which came at `pc` and says `address`. */
export interface Result extends State {
  readonly status: number;
  readonly pc: bigint;
  readonly address: bigint;
}

export function pack(states: readonly (Case | Result)[]): Uint8Array {
  const bytes = new Uint8Array(states.length * LENGTH);
  for (const [index, state] of states.entries()) {
    const view = new DataView(bytes.buffer, index * LENGTH, LENGTH);
    const put = (at: number, value: bigint | number): void => view.setBigUint64(at, BigInt(value), true);
    if ('words' in state) {
      put(AT.count, state.words.length);
      for (const [n, word] of state.words.entries()) view.setUint32(AT.words + 4 * n, word, true);
    } else {
      put(AT.status, state.status);
      put(AT.pc, state.status >= 256 ? state.pc : 0);
      put(AT.address, state.status >= 256 ? seenAddress(state.address) : 0);
    }
    for (const [n, value] of state.registers.entries()) put(AT.registers + 8 * n, value);
    put(AT.nzcv, state.nzcv);
    put(AT.fpcr, state.fpcr);
    put(AT.fpsr, state.fpsr);
    bytes.set(state.vectors, index * LENGTH + VECTORS);
    bytes.set(state.data, index * LENGTH + BYTES);
  }
  return bytes;
}

/** Hosts of qemu do not tell addresses that no program can have. */
export const seenAddress = (address: bigint): bigint => (address < 2n ** 47n ? address : 0n);

function unpack(bytes: Uint8Array): Result {
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH);
  const get = (at: number): bigint => view.getBigUint64(at, true);
  return {
    status: Number(get(AT.status)),
    pc: get(AT.pc),
    address: get(AT.address),
    registers: Array.from({ length: 32 }, (_, n) => get(AT.registers + 8 * n)),
    nzcv: Number(get(AT.nzcv)),
    fpcr: Number(get(AT.fpcr)),
    fpsr: Number(get(AT.fpsr)),
    vectors: bytes.slice(VECTORS, BYTES),
    data: bytes.slice(BYTES, LENGTH),
  };
}

/** qemu's user mode, as a processor that has what ours has (LSE, CRC32) and no memory tags or pointer authentication. */
export const qemu = ['qemu-aarch64', '-cpu', 'cortex-a76'];

export const hasQemu = (): boolean => spawnSync(qemu[0]!, ['--version']).status === 0;

/** Runs cases elsewhere. Throws where that does not work. */
export function runNative(cases: readonly Case[]): Result[] {
  const input = pack(cases);
  const runner = fileURLToPath(new URL('../../fixtures/native/runner-aarch64', import.meta.url));
  const { stdout, signal, stderr } = spawnSync(qemu[0]!, [...qemu.slice(1), runner], {
    input,
    maxBuffer: 2 ** 30,
    // One that never ends is a case that jumps to itself.
    timeout: 100_000,
  });
  if (stdout.length !== input.length)
    throw new Error(`the runner ended (${signal}) behind case ${stdout.length / LENGTH}: ${stderr}`);
  return cases.map((_, index) => unpack(stdout.subarray(index * LENGTH, (index + 1) * LENGTH)));
}
