import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS, RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import type { MemoryPiece } from '../../event/event.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../state.js';

/** What a trace shows of the arguments of rseq(2), as strace 7.0 does: the area (not where it is too short or misaligned), and its descriptor. */
export function argumentPieces(
  kernel: Kernel,
  task: Task,
  name: string,
  [address, length]: readonly bigint[],
): readonly MemoryPiece[] | undefined {
  if (name !== 'rseq' || address === undefined || length === undefined) return undefined;
  if (address % BigInt(RSEQ_ORIG_SIZE) !== 0n || BigInt.asUintN(32, length) < RSEQ_ORIG_SIZE)
    return undefined;
  const read = (at: bigint, size: number): MemoryPiece[] => {
    try {
      return [{ address: at, bytes: kernel.memory(task.mm).read(at, size) }];
    } catch (error) {
      if (error instanceof Errno) return [];
      throw error;
    }
  };
  const [area] = read(address, Math.min(Number(BigInt.asUintN(32, length)), RSEQ.size));
  if (area === undefined) return undefined;
  const { buffer } = area.bytes;
  const descriptor = new DataView(buffer).getBigUint64(offsetOf(RSEQ, 'rseq_cs'), true);
  return [area, ...(descriptor === 0n ? [] : read(descriptor, RSEQ_CS.size))];
}
