/** rseq_cs of a stopped thread. */
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS, type RseqCsValue } from '../../abi/rseq.js';
import * as ptrace from '../../linux/ptrace.js';
import type { TracedThread } from '../keeper/traced.js';

export const RSEQ_CS_OFFSET = offsetOf(RSEQ, 'rseq_cs');

/** Address of the thread's struct rseq; 0: it has registered none. It is asked again then: the thread may register one later. */
export function areaOf(thread: TracedThread): number {
  thread.area ||= Number(ptrace.rseqConfiguration(thread.tid)?.address ?? 0n);
  return thread.area;
}

/** The section that the thread has armed; undefined: none, or one that cannot be read. */
export function armedSection(thread: TracedThread): RseqCsValue | undefined {
  const { space } = thread.process;
  const area = areaOf(thread);
  const pointer = area === 0 ? undefined : space.read(area + RSEQ_CS_OFFSET, 8);
  if (pointer === undefined) return undefined;
  const descriptor = new DataView(pointer.buffer).getBigUint64(0, true);
  const bytes = descriptor === 0n ? undefined : space.read(Number(descriptor), RSEQ_CS.size);
  return bytes && RSEQ_CS.read(bytes);
}

export function disarm(thread: TracedThread): void {
  thread.process.space.write(areaOf(thread) + RSEQ_CS_OFFSET, new Uint8Array(8));
}
