import { RSEQ, RSEQ_CS, type RseqCsValue, type RseqValue } from '../abi/rseq.js';
import type { ProcessView, RseqConfiguration, ThreadView } from './process.js';

/** What a thread's struct rseq says at this moment. */
export interface RseqState {
  readonly configuration: RseqConfiguration;
  /** Undefined where its memory cannot be read. */
  readonly area: RseqValue | undefined;
  /** Where rseq_cs points, if it is not NULL. */
  readonly section: SectionState | undefined;
}

/** The section that a thread has armed. */
export interface SectionState {
  readonly address: bigint;
  /** Undefined where it cannot be read. */
  readonly descriptor: RseqCsValue | undefined;
  /** The thread is between start_ip and start_ip + post_commit_offset, by the kernel's one comparison. */
  readonly inside: boolean;
  /** The word in front of abort_ip, where it can be read. */
  readonly signature: number | undefined;
}

/** Undefined for a thread without a registration. */
export function rseqState(process: ProcessView, thread: ThreadView): RseqState | undefined {
  const configuration = thread.rseq;
  if (configuration === undefined) return undefined;
  const bytes = process.read(configuration.address, Math.min(configuration.length, RSEQ.size));
  const area = bytes === undefined ? undefined : RSEQ.read(bytes);
  const address = area?.rseq_cs ?? 0n;
  return {
    configuration,
    area,
    section: address === 0n ? undefined : sectionState(process, address, thread.registers.ip),
  };
}

/** What a descriptor says to a thread that stands at `ip`. */
export function sectionState(process: ProcessView, address: bigint, ip: bigint): SectionState {
  const bytes = process.read(address, RSEQ_CS.size);
  if (bytes === undefined) return { address, descriptor: undefined, inside: false, signature: undefined };
  const descriptor = RSEQ_CS.read(bytes);
  const word = process.read(descriptor.abort_ip - 4n, 4);
  return {
    address,
    descriptor,
    inside: BigInt.asUintN(64, ip - descriptor.start_ip) < descriptor.post_commit_offset,
    signature: word && new DataView(word.buffer, word.byteOffset).getUint32(0, true),
  };
}
