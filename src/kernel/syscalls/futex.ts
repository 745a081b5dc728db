import { RESTART } from '../../abi/errno.js';
import { Errno } from '../errno.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result, unsigned } from './call.js';
import { ALL_BITS, type FutexWait, keyOf, wakeQueue } from './futex-queue.js';
import { clockNow, timespec } from './time.js';

/** Operations (include/uapi/linux/futex.h). The locks with priority inheritance (6 to 8, 11 to 13) are not there: ENOSYS. */
const OP = {
  WAIT: 0,
  WAKE: 1,
  REQUEUE: 3,
  CMP_REQUEUE: 4,
  WAKE_OP: 5,
  WAIT_BITSET: 9,
  WAKE_BITSET: 10,
} as const;
const PRIVATE = 128;
const CLOCK_REALTIME = 256;
/** Operations that take a clock; the others are ENOSYS with it. */
const WITH_CLOCK: readonly number[] = [OP.WAIT, OP.WAIT_BITSET];

/** struct robust_list_head. */
const ROBUST_LIST_HEAD = 24n;

/** A wait, as a restart needs it. */
interface Waiting extends FutexWait {
  readonly address: bigint;
  readonly isPrivate: boolean;
  readonly value: number;
  readonly deadline: number | undefined;
}

/** futex_wait(): EAGAIN where the word is another than expected. */
function wait(call: Call, waiting: Waiting): Result {
  const { task, memory } = call;
  const { address, deadline, isPrivate } = waiting;
  if (waiting.bitset === 0) throw new Errno('EINVAL');
  if (memory.u32(aligned(address)) !== waiting.value) throw new Errno('EAGAIN');
  if (deadline !== undefined && deadline <= call.kernel.state.clock) throw new Errno('ETIMEDOUT');
  return blocked([keyOf(task.mm, address, isPrivate)], {
    deadline,
    data: waiting,
    arguments: call.arguments,
  });
}

/** After a signal without a handler (futex_wait_restart): the deadline is what it was. */
export function goOnWaiting(call: Call, data: unknown): Result {
  return call.resumed === undefined ? wait(call, data as Waiting) : ended(call);
}

function ended({ task, resumed }: Call): Result {
  const { ended: why, data } = resumed!;
  if (why === 'woken') return 0;
  if (why === 'timeout') throw new Errno('ETIMEDOUT');
  const { deadline } = data as Waiting;
  if (deadline === undefined) return -RESTART.ERESTARTSYS;
  task.restart = { call: 'futex', data };
  return -RESTART.ERESTART_RESTARTBLOCK;
}

function aligned(address: bigint): bigint {
  if (address % 4n !== 0n) throw new Errno('EINVAL');
  return address;
}

/** Moves waiters from one word's queue to another's without waking them. */
function requeue(call: Call, most: number, source: string, target: string): number {
  const { waiters } = call.kernel.state;
  const moved = (waiters.get(source) ?? []).slice(0, most);
  if (moved.length === 0 || source === target) return moved.length;
  const left = waiters.get(source)!.slice(moved.length);
  if (left.length === 0) waiters.delete(source);
  else waiters.set(source, left);
  waiters.set(target, [...(waiters.get(target) ?? []), ...moved]);
  for (const task of moved) Object.assign(task.wait!, { keys: [target] });
  return moved.length;
}

/** FUTEX_WAKE_OP's word (futex_atomic_op_inuser): operation 4 bits, comparison 4, operands 12 and 12. True: wake the second too. */
function operate({ memory }: Call, address: bigint, encoded: number): boolean {
  const [operation, comparison] = [(encoded >>> 28) & 7, (encoded >>> 24) & 15];
  let operand = (encoded << 8) >> 20;
  const against = (encoded << 20) >> 20;
  if (encoded >>> 31 === 1) operand = 1 << (operand & 31);
  const old = memory.i32(aligned(address));
  const result = [operand, old + operand, old | operand, old & ~operand, old ^ operand][operation];
  if (result === undefined) throw new Errno('ENOSYS');
  memory.setU32(address, result);
  const holds = [
    old === against,
    old !== against,
    old < against,
    old <= against,
    old > against,
    old >= against,
  ][comparison];
  if (holds === undefined) throw new Errno('ENOSYS');
  return holds;
}

/** do_futex(). */
function futex(call: Call): Result {
  const { kernel, task, memory } = call;
  const [address, rawOperation, value, timeout, second, third] = call.arguments as [
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  const flags = int(rawOperation);
  const operation = flags & ~(PRIVATE | CLOCK_REALTIME);
  const isPrivate = (flags & PRIVATE) !== 0;
  const clock = (flags & CLOCK_REALTIME) !== 0 ? 0 : 1;
  if (clock === 0 && !WITH_CLOCK.includes(operation)) throw new Errno('ENOSYS');
  const key = (of: bigint): string => keyOf(task.mm, aligned(of), isPrivate);
  const wakeUp = (of: bigint, most: number, bitset: number): number =>
    wakeQueue(kernel, key(of), Math.max(1, most), bitset);
  const limit = (absolute: boolean): number | undefined => {
    if (timeout === 0n) return undefined;
    const time = timespec(memory, timeout);
    return kernel.state.clock + (absolute ? time - clockNow(call, clock) : time);
  };
  const waiting = (absolute: boolean, bitset: number): Waiting => ({
    kind: 'futex',
    address,
    isPrivate,
    bitset,
    value: unsigned(value),
    deadline: limit(absolute),
  });
  switch (operation) {
    case OP.WAIT:
      return wait(call, waiting(false, ALL_BITS));
    case OP.WAIT_BITSET:
      return wait(call, waiting(true, unsigned(third)));
    case OP.WAKE:
      return wakeUp(address, int(value), ALL_BITS);
    case OP.WAKE_BITSET:
      if (unsigned(third) === 0) throw new Errno('EINVAL');
      return wakeUp(address, int(value), unsigned(third));
    case OP.REQUEUE:
    case OP.CMP_REQUEUE: {
      const [wakes, moves] = [int(value), int(timeout)];
      if (wakes < 0 || moves < 0) throw new Errno('EINVAL');
      const [source, target] = [key(address), key(second)];
      if (operation === OP.CMP_REQUEUE && memory.u32(address) !== unsigned(third)) throw new Errno('EAGAIN');
      const woken = wakeQueue(kernel, source, wakes, ALL_BITS);
      return woken + requeue(call, moves, source, target);
    }
    case OP.WAKE_OP: {
      key(address);
      const both = operate(call, second, unsigned(third));
      const woken = wakeUp(address, int(value), ALL_BITS);
      return both ? woken + wakeUp(second, int(timeout), ALL_BITS) : woken;
    }
    default:
      throw new Errno('ENOSYS');
  }
}

export const FUTEX: Calls = {
  futex: (call) => (call.resumed === undefined ? futex(call) : ended(call)),
  set_robust_list: ({ task, arguments: [head, length] }) => {
    if (length !== ROBUST_LIST_HEAD) throw new Errno('EINVAL');
    task.robustList = head!;
    return 0;
  },
  get_robust_list: ({ kernel, task, memory, arguments: [tid, head, length] }) => {
    const target = int(tid) === 0 ? task : kernel.state.tasks.get(int(tid));
    if (target === undefined) throw new Errno('ESRCH');
    memory.setU64(length!, ROBUST_LIST_HEAD);
    memory.setU64(head!, target.robustList);
    return 0;
  },
};
