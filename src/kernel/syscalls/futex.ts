import { RESTART } from '../../abi/errno.js';
import { Errno } from '../errno.js';
import type { Mm, Task, Wait } from '../state.js';
import { blocked, wake } from '../wait.js';
import { type Call, type Calls, int, type Result, unsigned } from './call.js';
import { clockNow, timespec } from './time.js';

/** Operations (include/uapi/linux/futex.h). */
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
const ALL = 0xffff_ffff;

export const futexKey = (mm: Mm, address: bigint): string => `futex:${mm.id}:${address}`;

interface Waiting {
  bitset: number;
  /** Where it waits now: FUTEX_REQUEUE moves it. */
  readonly address: bigint;
}

function wait(call: Call, deadline: number | undefined, bitset: number): Result {
  const { task, memory } = call;
  const [address, , value] = call.arguments as [bigint, bigint, bigint];
  if (bitset === 0) throw new Errno('EINVAL');
  if (memory.u32(address) !== unsigned(value)) throw new Errno('EAGAIN');
  const data: Waiting = { bitset, address };
  return blocked([futexKey(task.mm, address)], { deadline, data, arguments: call.arguments });
}

function ended(resumed: Wait): Result {
  if (resumed.ended === 'woken') return 0;
  if (resumed.ended === 'timeout') throw new Errno('ETIMEDOUT');
  // With a relative time the kernel would restart with what is left; either way the call waits again.
  return resumed.deadline === undefined ? -RESTART.ERESTARTSYS : -RESTART.ERESTARTNOHAND;
}

const wakeUp = (call: Call, address: bigint, most: number, bitset: number): number => {
  if (address % 4n !== 0n) throw new Errno('EINVAL');
  return wake(
    call.kernel,
    futexKey(call.task.mm, address),
    most,
    (_: Task, { data }) => ((data as Waiting).bitset & bitset) !== 0,
  );
};

/** Moves waiters from one word to another without waking them. */
function requeue(call: Call, most: number, from: bigint, to: bigint): number {
  const { waiters } = call.kernel.state;
  const [source, target] = [futexKey(call.task.mm, from), futexKey(call.task.mm, to)];
  const moved = (waiters.get(source) ?? []).slice(0, most);
  if (moved.length === 0 || source === target) return moved.length;
  const left = waiters.get(source)!.slice(moved.length);
  if (left.length === 0) waiters.delete(source);
  else waiters.set(source, left);
  waiters.set(target, [...(waiters.get(target) ?? []), ...moved]);
  for (const task of moved) task.wait = Object.assign(task.wait!, { keys: [target] });
  return moved.length;
}

/** FUTEX_WAKE_OP's word: operation 4 bits, comparison 4, operands 12 and 12. */
function wakeOp(
  call: Call,
  first: bigint,
  most: number,
  second: bigint,
  mostSecond: number,
  encoded: number,
): number {
  const { memory } = call;
  const [operation, comparison] = [(encoded >>> 28) & 7, (encoded >>> 24) & 15];
  let operand = (encoded << 8) >> 20;
  const against = (encoded << 20) >> 20;
  if (encoded >>> 31 === 1) operand = 1 << (operand & 31);
  const old = memory.i32(second);
  const results = [operand, old + operand, old | operand, old & ~operand, old ^ operand];
  if (results[operation] === undefined) throw new Errno('ENOSYS');
  memory.setU32(second, results[operation]);
  const holds = [
    old === against,
    old !== against,
    old < against,
    old <= against,
    old > against,
    old >= against,
  ][comparison];
  if (holds === undefined) throw new Errno('ENOSYS');
  const woken = wakeUp(call, first, most, ALL);
  return holds ? woken + wakeUp(call, second, mostSecond, ALL) : woken;
}

export const FUTEX: Calls = {
  futex: (call) => {
    const { kernel, memory, resumed } = call;
    const [address, rawOperation, value, timeout, second, third] = call.arguments as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if (resumed !== undefined) return ended(resumed);
    const operation = int(rawOperation) & ~(PRIVATE | CLOCK_REALTIME);
    const clock = (int(rawOperation) & CLOCK_REALTIME) !== 0 ? 0 : 1;
    if (address % 4n !== 0n) throw new Errno('EINVAL');
    const limit = (absolute: boolean): number | undefined => {
      if (timeout === 0n) return undefined;
      const time = timespec(memory, timeout);
      return absolute ? time - clockNow(call, clock) + kernel.state.clock : kernel.state.clock + time;
    };
    switch (operation) {
      case OP.WAIT:
        return wait(call, limit(false), ALL);
      case OP.WAIT_BITSET:
        return wait(call, limit(true), unsigned(third));
      case OP.WAKE:
        return wakeUp(call, address, Math.max(1, int(value)), ALL);
      case OP.WAKE_BITSET:
        return wakeUp(call, address, Math.max(1, int(value)), unsigned(third));
      case OP.REQUEUE:
      case OP.CMP_REQUEUE: {
        if (operation === OP.CMP_REQUEUE && memory.u32(address) !== unsigned(third))
          throw new Errno('EAGAIN');
        const woken = wakeUp(call, address, int(value), ALL);
        return woken + requeue(call, int(timeout), address, second);
      }
      case OP.WAKE_OP:
        return wakeOp(call, address, int(value), second, int(timeout), unsigned(third));
      default:
        throw new Errno('ENOSYS');
    }
  },
  set_robust_list: ({ task, arguments: [head] }) => {
    task.robustList = head!;
    return 0;
  },
};
