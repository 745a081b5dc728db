/** Why the kernel refused a registration: what it compared the arguments with, as far as a tracer knows it. */
import { release } from 'node:os';
import { ERRNO } from '../../abi/errno.js';
import { explainRegistration } from '../../abi/registration.js';
import { RSEQ, RSEQ_CS, RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import type { MemoryPiece } from '../../event/event.js';
import { readMemory } from '../../linux/memory.js';
import { mapsOf } from '../../linux/procfs.js';
import type { RseqConfiguration } from '../../process/process.js';

/** `6.18.44`, of the kernel that runs. */
export const kernelRelease = (): string => /^\d+\.\d+(\.\d+)?/.exec(release())?.[0] ?? '6.18';

const NAMES = new Map(Object.entries(ERRNO).map(([name, number]) => [number as number, name]));
export const errnoName = (number: number): string => NAMES.get(number) ?? `errno ${number}`;

const u32 = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value ?? 0n));

export const requestOf = ([address = 0n, length, flags, signature]: readonly bigint[]) => ({
  address,
  length: u32(length),
  flags: u32(flags),
  signature: u32(signature),
});

/** struct rseq as it is now, and the descriptor that it points at: none where strace would print the pointer alone. */
export function rseqMemory(pid: number, args: readonly bigint[]): MemoryPiece[] {
  const { address, length } = requestOf(args);
  if (length < RSEQ_ORIG_SIZE || address % 32n !== 0n || address === 0n) return [];
  const bytes = read(pid, address, Math.min(length, RSEQ.size));
  if (bytes === undefined) return [];
  const pieces: MemoryPiece[] = [{ address, bytes }];
  const { rseq_cs: pointer } = RSEQ.read(bytes);
  const descriptor = pointer === 0n ? undefined : read(pid, pointer, RSEQ_CS.size);
  if (descriptor !== undefined) pieces.push({ address: pointer, bytes: descriptor });
  return pieces;
}

function read(pid: number, address: bigint, size: number): Uint8Array | undefined {
  try {
    return readMemory(pid, address, size);
  } catch {
    return undefined;
  }
}

/**
 * The rule that decided, in words. `registered`: what the thread had; `unknown` for one that was watched too late. Undefined where no rule known
 * to us gives this error.
 */
export function reasonOf(
  pid: number,
  args: readonly bigint[],
  errno: number,
  registered: RseqConfiguration | undefined | 'unknown',
): string | undefined {
  if (errno === ERRNO.ENOSYS)
    return 'this kernel has no rseq(2) (CONFIG_RSEQ), or a filter of system calls (seccomp) refuses it';
  const request = requestOf(args);
  const context = {
    version: kernelRelease(),
    readable: read(pid, request.address, 16) !== undefined,
    writable: isWritable(pid, request.address),
  };
  const candidates = registered === 'unknown' ? guesses(request) : [registered];
  for (const had of candidates) {
    const row = explainRegistration(request, { ...context, ...(had !== undefined && { registered: had }) });
    if (row === undefined || row.errno !== errnoName(errno)) continue;
    return registered === 'unknown' && had !== undefined ? `probably: ${row.condition}` : row.condition;
  }
  return undefined;
}

/** What a thread may have had that we have not seen: nothing, or exactly this, or this but for one thing. */
const guesses = (request: RseqConfiguration): (RseqConfiguration | undefined)[] => [
  undefined,
  request,
  { ...request, signature: request.signature ^ 1 },
  { ...request, address: request.address + 64n },
];

function isWritable(pid: number, address: bigint): boolean {
  try {
    return mapsOf(pid).some(({ start, end, writable }) => writable && start <= address && address < end);
  } catch {
    return true;
  }
}
