import { RSEQ, RSEQ_CS, type RseqCsValue, type RseqValue } from '../abi/rseq.js';
import { endOf, isInside, SIGNATURE_SIZE } from './judge.js';
import type { ProcessView, Registers, RseqConfiguration } from './process.js';

/** What is asked of a process and a thread: a thread that runs on a real CPU has no registers to be seen. */
type Memory = Pick<ProcessView, 'read'>;
interface RseqThread {
  readonly rseq: RseqConfiguration | undefined;
  readonly registers: Pick<Registers, 'ip'> | undefined;
}

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
  /** `before`: below start_ip, `behind`: at the end or above; `unknown` where the registers or the descriptor are. */
  readonly position: 'inside' | 'before' | 'behind' | 'unknown';
  /** The word in front of abort_ip, where it can be read. */
  readonly signature: number | undefined;
}

/** Undefined for a thread without a registration. */
export function rseqState(process: Memory, thread: RseqThread): RseqState | undefined {
  const configuration = thread.rseq;
  if (configuration === undefined) return undefined;
  const bytes = process.read(configuration.address, Math.min(configuration.length, RSEQ.size));
  const area = bytes === undefined ? undefined : RSEQ.read(bytes);
  const address = area?.rseq_cs ?? 0n;
  return {
    configuration,
    area,
    section: address === 0n ? undefined : sectionState(process, address, thread.registers?.ip),
  };
}

/** What a descriptor says to a thread that stands at `ip`; undefined: nobody knows where it is. */
export function sectionState(process: Memory, address: bigint, ip: bigint | undefined): SectionState {
  const bytes = process.read(address, RSEQ_CS.size);
  if (bytes === undefined)
    return { address, descriptor: undefined, inside: false, position: 'unknown', signature: undefined };
  const descriptor = RSEQ_CS.read(bytes);
  const inside = ip !== undefined && isInside(descriptor, ip);
  return {
    address,
    descriptor,
    inside,
    position:
      ip === undefined ? 'unknown' : inside ? 'inside' : ip >= endOf(descriptor) ? 'behind' : 'before',
    signature: signatureBefore(process, descriptor.abort_ip),
  };
}

function signatureBefore(process: Memory, abortIp: bigint): number | undefined {
  const word = process.read(BigInt.asUintN(64, abortIp - SIGNATURE_SIZE), 4);
  return word && new DataView(word.buffer, word.byteOffset).getUint32(0, true);
}
