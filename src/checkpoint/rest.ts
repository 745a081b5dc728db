/** Where a thread goes on that is frozen, in whichever world: one rule for the images of both. */
import { hex } from '../abi/address.js';
import { ERRNO, RESTART } from '../abi/errno.js';
import { offsetOf } from '../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../abi/rseq.js';
import { isInside, SIGNATURE_SIZE } from '../process/judge.js';
import type { RseqConfiguration } from '../process/process.js';
import type { SectionImage } from './image.js';

const AGAIN: readonly number[] = [RESTART.ERESTARTSYS, RESTART.ERESTARTNOINTR, RESTART.ERESTARTNOHAND];
const SIZE_OF_SYSCALL = 2n;

/** Behind a system call: `call` is its number (orig_rax), below 0 where there is none. */
export interface BehindCall {
  readonly rip: bigint;
  readonly rax: bigint;
  readonly call: bigint;
}

/**
 * A call that the stop has interrupted is made again, as the kernel would (arch_do_signal_or_restart). One with a time limit gives EINTR: what was left of it
 * is the kernel's secret.
 */
export function callAgain({ rip, rax, call }: BehindCall): { readonly rip: bigint; readonly rax: bigint } {
  if (BigInt.asIntN(64, call) < 0n) return { rip, rax };
  const result = -Number(BigInt.asIntN(64, rax));
  if (AGAIN.includes(result)) return { rip: rip - SIZE_OF_SYSCALL, rax: call };
  return {
    rip,
    rax: result === RESTART.ERESTART_RESTARTBLOCK ? BigInt.asUintN(64, BigInt(-ERRNO.EINTR)) : rax,
  };
}

/** Reads memory whatever its permissions; undefined where there is none. */
type Read = (address: bigint, size: number) => Uint8Array | undefined;

/**
 * The section that a thread is inside of, checked as the kernel would before it moves the thread (rseq_get_rseq_cs). `aborted`: it is to go on at the abort
 * handler. `no` is told what the kernel would kill it for.
 */
export function sectionAt(
  read: Read,
  tid: number,
  { address: area, signature }: RseqConfiguration,
  ip: bigint,
  aborted: boolean,
  no: (why: string) => never,
): SectionImage | undefined {
  const word = read(area + BigInt(offsetOf(RSEQ, 'rseq_cs')), 8);
  const pointer = word === undefined ? 0n : viewOf(word).getBigUint64(0, true);
  const bytes = pointer === 0n ? undefined : read(pointer, RSEQ_CS.size);
  if (bytes === undefined) return undefined;
  const cs = RSEQ_CS.read(bytes);
  if (!isInside(cs, ip)) return undefined;
  const before = read(cs.abort_ip - SIGNATURE_SIZE, 4);
  const found = before && viewOf(before).getUint32(0, true);
  if (found !== signature)
    no(
      `thread ${tid} is inside the section at ${hex(cs.start_ip)}, whose abort handler has ${found === undefined ? 'no signature' : `the signature ${hex(found)} and not ${hex(signature)}`}: the kernel would kill it there`,
    );
  return { ip, startIp: cs.start_ip, postCommitOffset: cs.post_commit_offset, abortIp: cs.abort_ip, aborted };
}

const viewOf = ({ buffer, byteOffset }: Uint8Array): DataView => new DataView(buffer, byteOffset);
