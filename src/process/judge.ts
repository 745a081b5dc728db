/**
 * What the kernel finds wrong when it looks at a thread's struct rseq and its descriptor: the checks in their order, by version. The simulated
 * kernel kills by them; of a real process they say why it was killed, or will be.
 */
import { hex } from '../abi/address.js';
import type { RuleValues } from '../abi/kernel-rows.js';
import { RSEQ_CS_NO_RESTART_FLAGS, type RseqCsValue } from '../abi/rseq.js';
import { TASK_SIZE } from '../abi/task-size.js';
import type { ViolationId } from '../abi/violations.js';

/** First address that is not the program's, of x86-64. */
const LIMIT = TASK_SIZE['x86-64'].usual;
/** Bytes in front of abort_ip. */
export const SIGNATURE_SIZE = 4n;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** A rule that is broken, and how. */
export interface Fault {
  readonly rule: ViolationId;
  readonly message: string;
}

/** One check of a descriptor. */
interface Check {
  readonly rule: ViolationId;
  readonly fails: (cs: RseqCsValue, limit: bigint) => boolean;
  readonly message: (cs: RseqCsValue) => string;
}

/** start_ip + post_commit_offset: behind the last instruction. */
export const endOf = (cs: RseqCsValue): bigint => u64(cs.start_ip + cs.post_commit_offset);
/** The kernel's one comparison. */
export const isInside = (cs: RseqCsValue, ip: bigint): boolean =>
  u64(ip - cs.start_ip) < cs.post_commit_offset;
const range = (cs: RseqCsValue): string => `${hex(cs.start_ip)}..${hex(endOf(cs))}`;

const START: Check = {
  rule: 'range',
  fails: (cs, limit) => cs.start_ip >= limit,
  message: (cs) => `start_ip ${hex(cs.start_ip)} is not in user space`,
};
const END: Check = {
  rule: 'range',
  fails: (cs, limit) => endOf(cs) >= limit,
  message: (cs) => `the section's end ${hex(endOf(cs))} is not in user space`,
};
const ABORT_IP: Check = {
  rule: 'abort-ip-range',
  fails: (cs, limit) => cs.abort_ip >= limit,
  message: (cs) => `abort_ip ${hex(cs.abort_ip)} is not in user space`,
};
const ABORT_IP_LOW: Check = {
  rule: 'abort-ip-range',
  fails: (cs) => cs.abort_ip < SIGNATURE_SIZE,
  message: (cs) => `abort_ip is ${cs.abort_ip}: there is no room for the signature before it`,
};
const VERSION: Check = {
  rule: 'version',
  fails: (cs) => cs.version !== 0,
  message: (cs) => `the descriptor's version is ${cs.version}, not 0`,
};
const FLAGS: Check = {
  rule: 'flags',
  fails: (cs) => cs.flags !== 0,
  message: (cs) => `rseq_cs.flags is ${hex(cs.flags)}, not 0`,
};
const WRAP: Check = {
  rule: 'wrap',
  fails: (cs) => endOf(cs) < cs.start_ip,
  message: (cs) =>
    `start_ip ${hex(cs.start_ip)} + post_commit_offset ${hex(cs.post_commit_offset)} wraps around`,
};
const ABORT_INSIDE: Check = {
  rule: 'abort-inside',
  fails: (cs) => u64(cs.abort_ip - cs.start_ip) < cs.post_commit_offset,
  message: (cs) => `abort_ip ${hex(cs.abort_ip)} lies inside the section ${range(cs)}`,
};

/** Up to 6.18, whether the thread is inside or not (kernel/rseq.c rseq_get_rseq_cs). A section that wraps mostly fails at its end already. */
const CLASSIC: readonly Check[] = [START, WRAP, END, ABORT_IP, VERSION, ABORT_INSIDE];
/** Since 6.19, only inside (include/linux/rseq_entry.h rseq_update_user_cs). */
const FAST: readonly Check[] = [ABORT_IP, ABORT_IP_LOW];
/** Since 6.19 with debug, only inside (rseq_debug_update_user_cs). */
const FULL: readonly Check[] = [ABORT_IP, ABORT_IP_LOW, ABORT_INSIDE, VERSION, FLAGS];

/** How a kernel looks: as up to 6.18, or as since 6.19, there with debug or without. */
export interface Look {
  readonly classic: boolean;
  readonly debug: boolean;
  /** Rules that it does not look at, though it should. */
  readonly leavesOut?: ReadonlySet<ViolationId>;
  /** TASK_SIZE; x86-64's unless said otherwise. */
  readonly limit?: bigint;
}

/** rseq_cs itself, which is not NULL. */
export const pointerFault = (pointer: bigint, limit = LIMIT): Fault | undefined =>
  pointer < limit
    ? undefined
    : { rule: 'descriptor-outside', message: `rseq_cs is ${hex(pointer)}, which is no user address` };

/** rseq_cs where no descriptor can be read. */
export const unreadable = (pointer: bigint): Fault => ({
  rule: 'descriptor-unreadable',
  message: `rseq_cs is ${hex(pointer)}, where no descriptor can be read`,
});

/** A descriptor that a thread at `ip` has armed. `found` reads the word before abort_ip; undefined where it cannot be read. */
export function descriptorFault(
  cs: RseqCsValue,
  ip: bigint,
  { classic, debug, leavesOut, limit = LIMIT }: Look,
  signature: { readonly registered: number; readonly found: () => number | undefined },
): Fault | undefined {
  const failed = (checks: readonly Check[]): Fault | undefined => {
    const check = checks.find(({ rule, fails }) => fails(cs, limit) && leavesOut?.has(rule) !== true);
    return check && { rule: check.rule, message: check.message(cs) };
  };
  const ofSignature = (): Fault | undefined =>
    leavesOut?.has('signature') === true
      ? undefined
      : signatureFault(cs, signature.found(), signature.registered);
  if (classic) return failed(CLASSIC) ?? ofSignature();
  if (debug) {
    const start = failed([START]);
    if (start !== undefined || ip < cs.start_ip) return start;
    const range = failed([WRAP, END]);
    if (range !== undefined) return range;
  }
  if (!isInside(cs, ip)) return undefined;
  return failed(debug ? FULL : FAST) ?? ofSignature();
}

function signatureFault(cs: RseqCsValue, found: number | undefined, registered: number): Fault | undefined {
  if (found === undefined)
    return { rule: 'signature', message: `the word before abort_ip ${hex(cs.abort_ip)} cannot be read` };
  if (found === registered) return undefined;
  return {
    rule: 'signature',
    message: `the word before abort_ip ${hex(cs.abort_ip)} is ${hex(found)}, not the registered signature ${hex(registered)}`,
  };
}

/** Flags of a section that is interrupted inside, where this kernel kills for them up to 6.18 (rseq_need_restart). */
export function flagsFault(
  where: 'rseq' | 'rseq_cs',
  flags: number,
  { noRestartFlags, unknownFlags }: Pick<RuleValues, 'noRestartFlags' | 'unknownFlags'>,
): Fault | undefined {
  const bad =
    (noRestartFlags === 'kill' && (flags & RSEQ_CS_NO_RESTART_FLAGS) !== 0) ||
    (unknownFlags === 'kill' && (flags & ~RSEQ_CS_NO_RESTART_FLAGS) !== 0);
  return bad ? { rule: 'flags', message: `${where}.flags is ${hex(flags >>> 0)}, not 0` } : undefined;
}
