import { hex } from '../../abi/address.js';
import { RSEQ_CS, type RseqCsValue } from '../../abi/rseq.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import type { ViolationId } from '../../abi/violations.js';
import type { SectionBounds } from '../../event/event.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';
import { modeOf } from './mode.js';
import { Violation } from './violation.js';

const LIMIT = TASK_SIZE['x86-64'].usual;
const SIGNATURE_SIZE = 4n;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Where a thread is, as the checks see it: the descriptor, and whether its instruction pointer is inside. */
export interface Looked {
  readonly bounds: SectionBounds;
  readonly flags: number;
  readonly inside: boolean;
}

/** One check of a descriptor. */
interface Check {
  readonly rule: ViolationId;
  readonly fails: (cs: RseqCsValue) => boolean;
  readonly message: (cs: RseqCsValue) => string;
}

const end = (cs: RseqCsValue): bigint => u64(cs.start_ip + cs.post_commit_offset);
const range = (cs: RseqCsValue): string => `${hex(cs.start_ip)}..${hex(end(cs))}`;

const START: Check = {
  rule: 'range',
  fails: (cs) => cs.start_ip >= LIMIT,
  message: (cs) => `start_ip ${hex(cs.start_ip)} is not in user space`,
};
const END: Check = {
  rule: 'range',
  fails: (cs) => end(cs) >= LIMIT,
  message: (cs) => `the section's end ${hex(end(cs))} is not in user space`,
};
const ABORT_IP: Check = {
  rule: 'abort-ip-range',
  fails: (cs) => cs.abort_ip >= LIMIT,
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
  fails: (cs) => end(cs) < cs.start_ip,
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

/** The descriptor at `pointer`, which is not NULL, as this kernel looks at it. Throws Violation where it kills. */
export function look(kernel: Kernel, task: Task, pointer: bigint): Looked {
  const full = kernel.options.debugRseq;
  if (pointer >= LIMIT)
    throw new Violation('descriptor-outside', `rseq_cs is ${hex(pointer)}, which is no user address`);
  const cs = readDescriptor(kernel, task, pointer);
  const bounds = {
    startIp: cs.start_ip,
    postCommitOffset: cs.post_commit_offset,
    abortIp: cs.abort_ip,
  };
  const ip = task.registers[RIP]!;
  const inside = u64(ip - cs.start_ip) < cs.post_commit_offset;
  const looked = { bounds, flags: cs.flags, inside };
  if (modeOf(kernel, task.rseq).classic) {
    mustPass(CLASSIC, cs, bounds);
    checkSignature(kernel, task, cs, bounds);
    return looked;
  }
  if (full) {
    mustPass([START], cs, bounds);
    if (ip < cs.start_ip) return { ...looked, inside: false };
    mustPass([WRAP, END], cs, bounds);
  }
  if (!inside) return looked;
  mustPass(full ? FULL : FAST, cs, bounds);
  checkSignature(kernel, task, cs, bounds);
  return looked;
}

function readDescriptor(kernel: Kernel, task: Task, pointer: bigint): RseqCsValue {
  try {
    return RSEQ_CS.read(kernel.memory(task.mm).read(pointer, RSEQ_CS.size));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new Violation(
      'descriptor-unreadable',
      `rseq_cs is ${hex(pointer)}, where no descriptor can be read`,
    );
  }
}

function mustPass(checks: readonly Check[], cs: RseqCsValue, section: SectionBounds): void {
  const failed = checks.find(({ fails }) => fails(cs));
  if (failed !== undefined) throw new Violation(failed.rule, failed.message(cs), section);
}

function checkSignature(kernel: Kernel, task: Task, cs: RseqCsValue, section: SectionBounds): void {
  const { signature } = task.rseq;
  let found: number;
  try {
    found = kernel.memory(task.mm).u32(u64(cs.abort_ip - SIGNATURE_SIZE));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    throw new Violation('signature', `the word before abort_ip ${hex(cs.abort_ip)} cannot be read`, section);
  }
  if (found === signature) return;
  if (kernel.rules.printsSignature)
    kernel.emit(task, {
      kind: 'log',
      text: `Possible attack attempt. Unexpected rseq signature ${hex(found)}, expecting ${hex(signature)} (pid=${task.tid}, addr=${hex(u64(cs.abort_ip - SIGNATURE_SIZE))}).`,
    });
  throw new Violation(
    'signature',
    `the word before abort_ip ${hex(cs.abort_ip)} is ${hex(found)}, not the registered signature ${hex(signature)}`,
    section,
  );
}
