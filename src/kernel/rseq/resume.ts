import { hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import { SIG } from '../../abi/signals.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import type { ViolationId } from '../../abi/violations.js';
import type { AbortCause } from '../../event/event.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import { forceSignal } from '../signal/send.js';
import type { Task } from '../state.js';

/** A rule that a thread's struct rseq or its descriptor breaks: the kernel kills with SIGSEGV and says no more. */
class Violation extends Error {
  constructor(
    readonly rule: ViolationId,
    message: string,
  ) {
    super(message);
  }
}

const LIMIT = TASK_SIZE['x86-64'].usual;
const at = (task: Task, name: (typeof RSEQ)['fields'][number]['name']): bigint =>
  task.rseq.pointer + BigInt(offsetOf(RSEQ, name));

/**
 * What the kernel does for a thread with a registration on its way to user space (kernel/rseq.c __rseq_handle_notify_resume): section
 * first, then the CPU numbers. `signal`: a signal is about to be delivered. Returns false where the thread gets SIGSEGV instead.
 */
export function resume(kernel: Kernel, task: Task, signal?: number): boolean {
  task.rseq.notify = false;
  try {
    fixSection(kernel, task);
    updateIds(kernel, task);
    return true;
  } catch (error) {
    if (!(error instanceof Violation) && !(error instanceof Errno)) throw error;
    const [rule, message]: [ViolationId, string] =
      error instanceof Violation
        ? [error.rule, error.message]
        : ['area-unwritable', `struct rseq at ${hex(task.rseq.pointer)} cannot be read or written`];
    violation(kernel, task, rule, message, signal);
    return false;
  }
}

/** force_sigsegv(): while SIGSEGV itself is being delivered, for good. */
export function violation(
  kernel: Kernel,
  task: Task,
  rule: ViolationId,
  message: string,
  signal?: number,
): void {
  let rseqCs = 0n;
  try {
    rseqCs = kernel.memory(task.mm).u64(at(task, 'rseq_cs'));
  } catch {
    // The area itself is gone.
  }
  kernel.emit(task, { kind: 'violation', rule, message, ip: task.registers[RIP]!, rseqCs });
  forceSignal(kernel, task, { number: SIG.SIGSEGV, fatal: signal === SIG.SIGSEGV });
}

/** rseq_ip_fixup(). */
function fixSection(kernel: Kernel, task: Task): void {
  const memory = kernel.memory(task.mm);
  const pointer = memory.u64(at(task, 'rseq_cs'));
  const ip = task.registers[RIP]!;
  const clear = (): void => memory.setU64(at(task, 'rseq_cs'), 0n);
  if (pointer === 0n) {
    clear();
    return;
  }
  const cs = descriptor(kernel, task, pointer);
  if (BigInt.asUintN(64, ip - cs.start_ip) >= cs.post_commit_offset) {
    clear();
    kernel.emit(task, { kind: 'clear', rseqCs: pointer, ip });
    return;
  }
  checkFlags(kernel, task, cs.flags);
  const causes = [...task.rseq.events].sort() as AbortCause[];
  task.rseq.events.clear();
  if (causes.length === 0) return;
  clear();
  kernel.emit(task, {
    kind: 'abort',
    ip,
    startIp: cs.start_ip,
    postCommitOffset: cs.post_commit_offset,
    abortIp: cs.abort_ip,
    causes,
  });
  task.registers[RIP] = cs.abort_ip;
}

/** rseq_get_rseq_cs(): the descriptor, where it keeps all rules. */
function descriptor(kernel: Kernel, task: Task, pointer: bigint) {
  const memory = kernel.memory(task.mm);
  if (pointer >= LIMIT)
    throw new Violation('descriptor-outside', `rseq_cs is ${hex(pointer)}, which is no user address`);
  let bytes: Uint8Array;
  try {
    bytes = memory.read(pointer, RSEQ_CS.size);
  } catch {
    throw new Violation(
      'descriptor-unreadable',
      `rseq_cs is ${hex(pointer)}, where no descriptor can be read`,
    );
  }
  const cs = RSEQ_CS.read(bytes);
  const end = BigInt.asUintN(64, cs.start_ip + cs.post_commit_offset);
  if (cs.start_ip >= LIMIT || end >= LIMIT)
    throw new Violation('range', `the section ${hex(cs.start_ip)}..${hex(end)} is not in user space`);
  if (cs.abort_ip >= LIMIT)
    throw new Violation('abort-ip-range', `abort_ip ${hex(cs.abort_ip)} is not in user space`);
  if (cs.version > 0) throw new Violation('version', `the descriptor's version is ${cs.version}, not 0`);
  if (end < cs.start_ip) throw new Violation('wrap', 'start_ip + post_commit_offset wraps around');
  if (BigInt.asUintN(64, cs.abort_ip - cs.start_ip) < cs.post_commit_offset)
    throw new Violation('abort-inside', `abort_ip ${hex(cs.abort_ip)} lies inside the section`);
  let signature: number;
  try {
    signature = memory.u32(cs.abort_ip - 4n);
  } catch {
    throw new Violation('signature', `the word before abort_ip ${hex(cs.abort_ip)} cannot be read`);
  }
  if (signature !== task.rseq.signature)
    throw new Violation(
      'signature',
      `the word before abort_ip ${hex(cs.abort_ip)} is ${hex(signature)}, not the registered signature ${hex(task.rseq.signature)}`,
    );
  return cs;
}

/** rseq_need_restart(): flags of the descriptor and of the thread. */
function checkFlags(kernel: Kernel, task: Task, csFlags: number): void {
  const flags = kernel.memory(task.mm).u32(at(task, 'flags'));
  if (flags !== 0) throw new Violation('flags', `rseq.flags is ${hex(flags)}, not 0`);
  if (csFlags !== 0) throw new Violation('flags', `rseq_cs.flags is ${hex(csFlags)}, not 0`);
}

/** rseq_update_cpu_node_id(). */
export function updateIds(kernel: Kernel, task: Task): void {
  const memory = kernel.memory(task.mm);
  const size = Math.min(task.rseq.length, kernel.rules.featureSize);
  memory.setU32(at(task, 'cpu_id_start'), task.cpu);
  memory.setU32(at(task, 'cpu_id'), task.cpu);
  if (size >= 28) {
    memory.setU32(at(task, 'node_id'), 0);
    memory.setU32(at(task, 'mm_cid'), task.mmCid);
  }
  const { rseq } = task;
  if (rseq.cpuId !== task.cpu || rseq.mmCid !== task.mmCid)
    kernel.emit(task, { kind: 'rseq-update', cpuId: task.cpu, nodeId: 0, mmCid: task.mmCid });
  rseq.cpuId = task.cpu;
  rseq.mmCid = task.mmCid;
  rseq.idsChanged = false;
}
