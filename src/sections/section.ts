import type { Addr } from '../abi/address.js';

/**
 * How a section was found.
 *   ptr-array   listed in __rseq_cs_ptr_array
 *   cs-section  in an ELF section named __rseq_cs (or __rseq_table, its old name)
 *   code        code stores its address to rseq_cs
 *   stack       code builds the descriptor on the stack and stores its address to rseq_cs
 *   signature   the signature in front of an abort handler leads to it
 */
export type FoundBy = 'ptr-array' | 'cs-section' | 'code' | 'stack' | 'signature';

/** struct rseq_cs as read, 64-bit fields as bigint because a wrong one can hold anything. */
export interface Descriptor {
  /** Where it lies in the image; undefined for one that is built on the stack. */
  readonly address: Addr | undefined;
  readonly version: number;
  readonly flags: number;
  readonly startIp: bigint;
  readonly postCommitOffset: bigint;
  readonly abortIp: bigint;
}

/** Do both speak of the same range and the same handler? */
export const sameCode = (a: Descriptor, b: Descriptor): boolean =>
  a.startIp === b.startIp && a.postCommitOffset === b.postCommitOffset && a.abortIp === b.abortIp;

/** A store of a descriptor's address to the rseq_cs field. */
export interface Arming {
  /** The address of the storing instruction. */
  readonly at: Addr;
  /** The start of the function that holds it. */
  readonly function: Addr;
}

/** One critical section: a descriptor, and the code it speaks of. */
export interface CriticalSection {
  readonly descriptor: Descriptor;
  readonly foundBy: readonly FoundBy[];
  /** The range and the abort handler as addresses, where they are within user space and make sense. */
  readonly start: Addr | undefined;
  readonly end: Addr | undefined;
  readonly abort: Addr | undefined;
  /** Side exits that __rseq_exit_point_array declares for this section. */
  readonly exitPoints: readonly Addr[];
  readonly armings: readonly Arming[];
  /** The function that holds start_ip (demangled), or the nearest symbol. */
  readonly function: string | undefined;
  /** u32 in front of abort_ip, where it is readable. */
  readonly signature: number | undefined;
}
