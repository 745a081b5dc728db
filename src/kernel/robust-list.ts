import { Errno } from './errno.js';
import type { Kernel } from './kernel.js';
import type { Task } from './state.js';
import { wakeFutex } from './syscalls/futex-queue.js';

/** include/uapi/linux/futex.h. */
const FUTEX_WAITERS = 0x8000_0000;
const FUTEX_OWNER_DIED = 0x4000_0000;
const FUTEX_TID_MASK = 0x3fff_ffff;
const LIMIT = 2048;
/** struct robust_list_head: list, futex_offset, list_op_pending. */
const HEAD = { list: 0n, offset: 8n, pending: 16n } as const;
/** In an entry's address: a priority-inheriting lock. */
const PI = 1n;

/** exit_robust_list(): locks that the thread has are marked and their waiters woken (kernel/futex/core.c). What cannot be read ends it. */
export function exitRobustList(kernel: Kernel, task: Task): void {
  const head = task.robustList;
  task.robustList = 0n;
  if (head === 0n) return;
  try {
    walk(kernel, task, head);
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
  }
}

function walk(kernel: Kernel, task: Task, head: bigint): void {
  const memory = kernel.memory(task.mm);
  const fetch = (address: bigint): { entry: bigint; pi: boolean } => {
    const word = memory.u64(address);
    return { entry: word & ~PI, pi: (word & PI) !== 0n };
  };
  let { entry, pi } = fetch(head + HEAD.list);
  const offset = memory.u64(head + HEAD.offset);
  const pending = fetch(head + HEAD.pending);
  const word = (each: bigint): bigint => BigInt.asUintN(64, each + offset);
  for (let count = 0; entry !== head && count < LIMIT; count++) {
    const next = fetch(entry);
    // The one that it was about to take or leave comes last.
    if (entry !== pending.entry) die(kernel, task, word(entry), pi, false);
    ({ entry, pi } = next);
  }
  if (pending.entry !== 0n) die(kernel, task, word(pending.entry), pending.pi, true);
}

/** handle_futex_death(). */
function die(kernel: Kernel, task: Task, address: bigint, pi: boolean, pending: boolean): void {
  if (address % 4n !== 0n) throw new Errno('EFAULT');
  const memory = kernel.memory(task.mm);
  const value = memory.u32(address);
  // It may have unlocked it, and ended before it could wake another.
  if (pending && !pi && value === 0) {
    wakeFutex(kernel, task.mm, address, 1);
    return;
  }
  if ((value & FUTEX_TID_MASK) !== task.tid) return;
  memory.setU32(address, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
  if (!pi && (value & FUTEX_WAITERS) !== 0) wakeFutex(kernel, task.mm, address, 1);
}
