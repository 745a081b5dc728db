import { hex } from '../../abi/address.js';
import type { RuleName } from '../../abi/kernel-rows.js';
import { RSEQ_CS, type RseqCsValue } from '../../abi/rseq.js';
import type { ViolationId } from '../../abi/violations.js';
import type { SectionBounds } from '../../event/event.js';
import { descriptorFault, isInside, pointerFault, SIGNATURE_SIZE, unreadable } from '../../process/judge.js';
import { Errno } from '../errno.js';
import type { Kernel, KernelOptions } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Task } from '../state.js';
import { modeOf } from './mode.js';
import { Violation } from './violation.js';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);

/** Where a thread is, as the checks see it: the descriptor, and whether its instruction pointer is inside. */
export interface Looked {
  readonly bounds: SectionBounds;
  readonly flags: number;
  readonly inside: boolean;
}

/** The descriptor at `pointer`, which is not NULL, as this kernel looks at it. Throws Violation where it kills. */
export function look(kernel: Kernel, task: Task, pointer: bigint): Looked {
  const outside = pointerFault(pointer, kernel.arch.taskSize);
  if (outside !== undefined) throw new Violation(outside.rule, outside.message);
  const cs = readDescriptor(kernel, task, pointer);
  const bounds = {
    startIp: cs.start_ip,
    postCommitOffset: cs.post_commit_offset,
    abortIp: cs.abort_ip,
  };
  const ip = task.registers[RIP]!;
  const { debugRseq: debug, broken } = kernel.options;
  const how = {
    classic: modeOf(kernel, task.rseq).classic,
    debug,
    limit: kernel.arch.taskSize,
    ...(broken !== undefined && { leavesOut: leftOut(broken) }),
  };
  const registered = task.rseq.signature;
  const fault = descriptorFault(cs, ip, how, { registered, found: () => signatureOf(kernel, task, cs) });
  if (fault !== undefined) throw new Violation(fault.rule, fault.message, bounds);
  return { bounds, flags: cs.flags, inside: isInside(cs, ip) };
}

/** Checks that a kernel can be made to leave out (KernelOptions.broken), by what they find. */
const RULES: readonly (readonly [ViolationId, RuleName])[] = [
  ['version', 'checksVersion'],
  ['wrap', 'checksWrap'],
  ['range', 'checksRange'],
  ['abort-inside', 'checksAbortInside'],
  ['abort-ip-range', 'checksAbortIpRange'],
  ['signature', 'checksSignature'],
];

const leftOut = (broken: NonNullable<KernelOptions['broken']>): ReadonlySet<ViolationId> =>
  new Set(RULES.filter(([, rule]) => broken[rule] === false).map(([id]) => id));

function readDescriptor(kernel: Kernel, task: Task, pointer: bigint): RseqCsValue {
  try {
    return RSEQ_CS.read(kernel.memory(task.mm).read(pointer, RSEQ_CS.size));
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    const { rule, message } = unreadable(pointer);
    throw new Violation(rule, message);
  }
}

/** The word before abort_ip, if it can be read; a wrong one is printed where this kernel does. */
function signatureOf(kernel: Kernel, task: Task, cs: RseqCsValue): number | undefined {
  const { signature } = task.rseq;
  const at = u64(cs.abort_ip - SIGNATURE_SIZE);
  let found: number;
  try {
    found = kernel.memory(task.mm).u32(at);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return undefined;
  }
  if (found !== signature && kernel.rules.printsSignature)
    kernel.emit(task, {
      kind: 'log',
      text: `Possible attack attempt. Unexpected rseq signature ${hex(found)}, expecting ${hex(signature)} (pid=${task.tid}, addr=${hex(at)}).`,
    });
  return found;
}
