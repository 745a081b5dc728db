import { hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { explainRegistration } from '../../abi/registration.js';
import { RSEQ, RSEQ_CS, RSEQ_FLAG_UNREGISTER } from '../../abi/rseq.js';
import { Errno } from '../errno.js';
import type { Kernel } from '../kernel.js';
import { RIP } from '../registers.js';
import type { Rseq, Task } from '../state.js';
import { violation } from './resume.js';

export const newRseq = (): Rseq => ({
  pointer: 0n,
  length: 0,
  signature: 0,
  flags: 0,
  events: new Set(),
  notify: false,
  interrupted: false,
  idsChanged: false,
  cpuId: -1,
  mmCid: -1,
  slice: { enabled: false, granted: false, yielded: false, expires: 0 },
});

/** rseq(2): which row of abi/registration.ts decides, and what success does (kernel/rseq.c SYSCALL_DEFINE4(rseq)). */
export function rseqCall(
  kernel: Kernel,
  task: Task,
  address: bigint,
  length: number,
  flags: number,
  signature: number,
): number {
  const memory = kernel.memory(task.mm);
  const { rseq } = task;
  const probe = (access: () => void): boolean => {
    try {
      access();
      return true;
    } catch {
      return false;
    }
  };
  let pointer = 0n;
  const readable = probe(() => {
    pointer = memory.u64(address + BigInt(offsetOf(RSEQ, 'rseq_cs')));
  });
  const writable = readable && probe(() => memory.write(address, memory.read(address, 8)));
  const row = explainRegistration(
    { address, length, flags, signature },
    {
      version: kernel.options.version,
      ...(rseq.pointer === 0n
        ? {}
        : { registered: { address: rseq.pointer, length: rseq.length, signature: rseq.signature } }),
      readable,
      writable,
      staleRseqCs: pointer !== 0n,
    },
  );
  if (row !== undefined && row.errno !== 'ok') {
    if (row.id === 'unregister-unwritable' && kernel.rules.evaluation !== 'every-switch')
      violation(kernel, task, 'area-unwritable', row.condition);
    throw new Errno(row.errno);
  }
  const said = { address, length, signature, flags };
  if ((flags & RSEQ_FLAG_UNREGISTER) !== 0) {
    reset(kernel, task);
    Object.assign(rseq, newRseq());
    kernel.emit(task, { kind: 'unregister', ...said });
    return 0;
  }
  if (address === 0n) return 0;
  if (kernel.rules.registrationClearsRseqCs && pointer !== 0n)
    memory.setU64(address + BigInt(offsetOf(RSEQ, 'rseq_cs')), 0n);
  Object.assign(rseq, newRseq(), {
    pointer: address,
    length,
    signature,
    flags,
    notify: true,
    idsChanged: true,
  });
  kernel.emit(task, { kind: 'register', ...said });
  return 0;
}

/** rseq_reset_rseq_cpu_node_id(). */
function reset(kernel: Kernel, task: Task): void {
  const memory = kernel.memory(task.mm);
  const { pointer, length } = task.rseq;
  const set = (name: (typeof RSEQ)['fields'][number]['name'], value: number): void =>
    memory.setU32(pointer + BigInt(offsetOf(RSEQ, name)), value);
  set('cpu_id_start', kernel.rules.unregisterCpuIdStart);
  set('cpu_id', -1);
  if (Math.min(length, kernel.rules.featureSize) < 28) return;
  set('node_id', 0);
  set('mm_cid', 0);
}

/** fork(2): the child of a process of its own inherits the registration; a thread has none (rseq_fork). */
export function forkRseq(parent: Rseq, sharesMemory: boolean): Rseq {
  if (sharesMemory) return newRseq();
  return { ...structuredClone(parent), notify: true, idsChanged: true };
}

/** A system call is over: with checking switched on it must not return into a section (rseq_syscall). */
export function afterCall(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  if (!kernel.options.debugRseq || rseq.pointer === 0n) return;
  const memory = kernel.memory(task.mm);
  const ip = task.registers[RIP]!;
  try {
    const pointer = memory.u64(rseq.pointer + BigInt(offsetOf(RSEQ, 'rseq_cs')));
    if (pointer === 0n) return;
    const cs = RSEQ_CS.read(memory.read(pointer, RSEQ_CS.size));
    if (BigInt.asUintN(64, ip - cs.start_ip) >= cs.post_commit_offset) return;
    violation(
      kernel,
      task,
      'syscall-in-section',
      `a system call returns to ${hex(ip)}, inside the section ${hex(cs.start_ip)}..${hex(cs.start_ip + cs.post_commit_offset)}`,
    );
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    violation(
      kernel,
      task,
      'descriptor-unreadable',
      'a system call returns with a descriptor that cannot be read',
    );
  }
}
