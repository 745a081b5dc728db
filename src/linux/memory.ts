import { closeSync, openSync } from 'node:fs';
import { ERRNO } from '../abi/errno.js';
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';
import { SystemError } from './errors.js';
import { addressOf, fastCall, lastError, tryCall } from './libc.js';

/** Pieces that one process_vm_readv(2) takes (IOV_MAX). */
const PIECES = 1024;

export interface Piece {
  readonly address: bigint;
  readonly size: number;
}

/**
 * Memory of another process, without stopping it (process_vm_readv(2): the same permission as ptrace). Undefined where not all of it can be
 * read. Throws SystemError with EPERM, ESRCH.
 */
export function readMemory(pid: number, address: bigint, size: number): Uint8Array<ArrayBuffer> | undefined {
  if (size === 0) return new Uint8Array(0);
  if (size <= SMALL) return readSmall(pid, address, size);
  const bytes = new Uint8Array(size);
  const local = new BigUint64Array([addressOf(bytes), BigInt(size)]);
  const remote = new BigUint64Array([address, BigInt(size)]);
  const got = tryCall('process_vm_readv', pid, local, 1, remote, 1, 0);
  return got === size ? bytes : missing('process_vm_readv', got);
}

/** The same into memory of ours; false where not all of it could be read. */
export function readInto(pid: number, address: bigint, bytes: Uint8Array): boolean {
  const local = new BigUint64Array([addressOf(bytes), BigInt(bytes.length)]);
  const remote = new BigUint64Array([address, BigInt(bytes.length)]);
  const got = tryCall('process_vm_readv', pid, local, 1, remote, 1, 0);
  missing('process_vm_readv', got);
  return got === bytes.length;
}

/** Most reads are of some words: they go through one place of ours, whose address is known. */
const SMALL = 4096;
let small: { readonly bytes: Uint8Array; readonly pieces: BigUint64Array; readonly at: number } | undefined;

function readSmall(pid: number, address: bigint, size: number): Uint8Array<ArrayBuffer> | undefined {
  if (small === undefined) {
    const bytes = new Uint8Array(SMALL);
    // Two struct iovec: ours, theirs.
    const pieces = new BigUint64Array([addressOf(bytes), 0n, 0n, 0n]);
    small = { bytes, pieces, at: Number(addressOf(pieces)) };
  }
  const { bytes, pieces, at } = small;
  pieces[1] = pieces[3] = BigInt(size);
  pieces[2] = address;
  const got = fastCall(SYSCALLS_X86_64['process_vm_readv']!, pid, at, 1, at + 16, 1);
  return got === size
    ? (bytes.slice(0, size) as Uint8Array<ArrayBuffer>)
    : missing('process_vm_readv', got < 0 ? -lastError() : got);
}

/** Many pieces in as few calls as can be. Undefined for those that cannot be read. */
export function readPieces(pid: number, pieces: readonly Piece[]): (Uint8Array | undefined)[] {
  const found: (Uint8Array | undefined)[] = [];
  while (found.length < pieces.length) {
    const batch = pieces.slice(found.length, found.length + PIECES);
    const bytes = new Uint8Array(batch.reduce((sum, { size }) => sum + size, 0));
    const local = new BigUint64Array([addressOf(bytes), BigInt(bytes.length)]);
    const remote = new BigUint64Array(batch.flatMap(({ address, size }) => [address, BigInt(size)]));
    const got = tryCall('process_vm_readv', pid, local, 1, remote, batch.length, 0);
    if (got < 0) missing('process_vm_readv', got);
    // It goes up to the first piece that cannot be read: that one is left out, and the rest asked for again.
    let at = 0;
    for (const { size } of batch) {
      if (at + size > got) break;
      found.push(bytes.subarray(at, at + size));
      at += size;
    }
    if (got < bytes.length) found.push(undefined);
  }
  return found;
}

/** Writes what the process itself may write. False where not all of it could be. */
export function writeMemory(pid: number, address: bigint, bytes: Uint8Array): boolean {
  const local = new BigUint64Array([addressOf(bytes), BigInt(bytes.length)]);
  const remote = new BigUint64Array([address, BigInt(bytes.length)]);
  const got = tryCall('process_vm_writev', pid, local, 1, remote, 1, 0);
  missing('process_vm_writev', got);
  return got === bytes.length;
}

/** The same for parts of `bytes`, each to an address of its own, in as few calls as can be. */
export function writePieces(
  pid: number,
  bytes: Uint8Array,
  pieces: readonly (Piece & { readonly from: number })[],
): boolean {
  const base = addressOf(bytes);
  for (let at = 0; at < pieces.length; at += PIECES) {
    const batch = pieces.slice(at, at + PIECES);
    const local = new BigUint64Array(batch.flatMap(({ from, size }) => [base + BigInt(from), BigInt(size)]));
    const remote = new BigUint64Array(batch.flatMap(({ address, size }) => [address, BigInt(size)]));
    const got = tryCall('process_vm_writev', pid, local, batch.length, remote, batch.length, 0);
    missing('process_vm_writev', got);
    if (got !== batch.reduce((sum, { size }) => sum + size, 0)) return false;
  }
  return true;
}

/** Also what the process may not write, such as its code: /proc/PID/mem, for tracers. False where not all of it could be. */
export const writeForced = (pid: number, address: bigint, bytes: Uint8Array): boolean =>
  withMemory(pid, 'r+', (fd) => tryCall('pwrite64', fd, bytes, bytes.length, address) === bytes.length);

/** Also what the process may not read: /proc/PID/mem. Undefined where not all of it can be. */
export function readForced(pid: number, address: bigint, size: number): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(size);
  return withMemory(pid, 'r', (fd) => tryCall('pread64', fd, bytes, size, address) === size)
    ? bytes
    : undefined;
}

function withMemory<T>(pid: number, mode: string, use: (fd: number) => T): T {
  const fd = openSync(`/proc/${pid}/mem`, mode);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Undefined for memory that is not there; throws for every other error. */
function missing(name: string, result: number): undefined {
  if (result < 0 && result !== -ERRNO.EFAULT) throw new SystemError(name, -result);
  return undefined;
}
