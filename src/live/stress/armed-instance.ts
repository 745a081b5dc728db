import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import * as ptrace from '../../linux/ptrace.js';
import type { TracedThread } from '../keeper/traced.js';
import type { Instance, Owner } from './instance.js';

/** Byte offset of the field in struct rseq. */
export const RSEQ_CS_AT = offsetOf(RSEQ, 'rseq_cs');

/** The instance that rseq_cs of a thread names; undefined: none that it is in. */
export function armedInstance(
  thread: TracedThread,
  at: number,
  owners: readonly Owner[],
): Instance | undefined {
  const fresh = thread.area === undefined;
  const descriptor = descriptorOf(thread);
  const own = owners.find(({ instance }) => instance.live.descriptor === descriptor && descriptor !== 0n);
  if (own !== undefined) return own.instance;
  if (!fresh) {
    // Perhaps it has registered another area meanwhile.
    thread.area = undefined;
    return armedInstance(thread, at, owners);
  }
  if (descriptor === 0n) return undefined;
  // One that was built on the stack, or a second one of the same code.
  const bytes = thread.process.space.read(Number(descriptor), RSEQ_CS.size);
  if (bytes === undefined) return undefined;
  const { start_ip, post_commit_offset } = RSEQ_CS.read(bytes);
  if (BigInt.asUintN(64, BigInt(at) - start_ip) >= post_commit_offset) return undefined;
  return (owners.find(({ instance }) => instance.live.start === start_ip) ?? owners[0]!).instance;
}

function descriptorOf(thread: TracedThread): bigint {
  if (thread.area === undefined) {
    try {
      thread.area = Number(ptrace.rseqConfiguration(thread.tid)?.address ?? 0n);
    } catch {
      return 0n;
    }
  }
  return thread.area === 0 ? 0n : (thread.process.space.word(thread.area + RSEQ_CS_AT) ?? 0n);
}
