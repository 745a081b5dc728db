import { RESTART } from '../../abi/errno.js';
import { Errno } from '../errno.js';
import { readiness } from '../files/transfer.js';
import { popMask, pushMask } from '../signal/queue.js';
import type { Task } from '../state.js';
import { blocked } from '../wait.js';
import { type Call, type Calls, int, type Result, unsigned } from './call.js';
import { setTimespec, timespec } from './time.js';

const POLL = { NVAL: 32, ALWAYS: 8 | 16 | 32 } as const;
const NS = 1_000_000_000;

/** A descriptor, and the events (POLL*) that end the wait. */
interface Question {
  readonly fd: number;
  readonly events: number;
}

const fileAt = (task: Task, fd: number) => task.files.descriptors[fd]?.file;

/** What is ready of what was asked for, in its order. */
const answers = (task: Task, questions: readonly Question[]): number[] =>
  questions.map(({ fd, events }) => {
    if (fd < 0) return 0;
    const file = fileAt(task, fd);
    return file === undefined ? POLL.NVAL : readiness(file).events & events;
  });

interface Waiting {
  readonly deadline: number | undefined;
}

/** Waits until something is ready, or the time is over. `done` writes the answers and says how many there are. */
function waitUntilReady(
  call: Call,
  questions: readonly Question[],
  limit: () => number | undefined,
  done: (found: readonly number[]) => number,
): Result {
  const { kernel, task, resumed } = call;
  const found = answers(task, questions);
  const deadline = resumed === undefined ? limit() : (resumed.data as Waiting).deadline;
  const isOver = deadline !== undefined && deadline <= kernel.state.clock;
  if (found.some((events) => events !== 0) || isOver || resumed?.ended === 'timeout') return done(found);
  if (resumed?.ended === 'signal') return -RESTART.ERESTARTNOHAND;
  const keys = questions.flatMap(({ fd }) => {
    const file = fd < 0 ? undefined : fileAt(task, fd);
    return (file === undefined ? undefined : readiness(file).key) ?? [];
  });
  return blocked([...new Set(keys)], { deadline, data: { deadline }, arguments: call.arguments });
}

const RLIMIT_NOFILE = 7;

function poll(call: Call, limit: () => number | undefined): Result {
  const { memory, task } = call;
  const [address, count] = [call.arguments[0]!, unsigned(call.arguments[1])];
  if (BigInt(count) > (task.process.limits.get(RLIMIT_NOFILE)?.[0] ?? 1024n)) throw new Errno('EINVAL');
  const bytes = memory.read(address, 8 * count);
  const view = new DataView(bytes.buffer);
  const questions = Array.from({ length: count }, (_, index) => ({
    fd: view.getInt32(8 * index, true),
    events: view.getUint16(8 * index + 4, true) | POLL.ALWAYS,
  }));
  return waitUntilReady(call, questions, limit, (found) => {
    for (const [index, events] of found.entries()) view.setUint16(8 * index + 6, events, true);
    memory.write(address, bytes);
    return found.filter((events) => events !== 0).length;
  });
}

/** Which of poll's answers each of the three sets stands for (POLLIN_SET and others in fs/select.c). */
const SETS = [1 | 64 | 128 | 16 | 8, 4 | 256 | 512 | 8, 2] as const;

function select(call: Call, limit: () => number | undefined): Result {
  const { memory, task } = call;
  const count = int(call.arguments[0]);
  if (count < 0) throw new Errno('EINVAL');
  const most = Math.min(count, Math.max(64, task.files.descriptors.length));
  const words = Math.ceil(most / 64);
  const sets = [1, 2, 3].map((index) => {
    const address = call.arguments[index]!;
    return { address, bits: address === 0n ? new Uint8Array(8 * words) : memory.read(address, 8 * words) };
  });
  const has = (set: number, fd: number): boolean => (((sets[set]!.bits[fd >> 3] ?? 0) >> (fd & 7)) & 1) === 1;
  const questions: Question[] = [];
  for (let fd = 0; fd < most; fd++) {
    const events = SETS.reduce((sum, holds, set) => sum | (has(set, fd) ? holds : 0), 0);
    if (events === 0) continue;
    if (fileAt(task, fd) === undefined) throw new Errno('EBADF');
    questions.push({ fd, events });
  }
  return waitUntilReady(call, questions, limit, (found) => {
    const results = sets.map(({ bits }) => new Uint8Array(bits.length));
    let ready = 0;
    for (const [index, { fd }] of questions.entries())
      for (const [set, holds] of SETS.entries()) {
        if (!has(set, fd) || (found[index]! & holds) === 0) continue;
        results[set]![fd >> 3]! |= 1 << (fd & 7);
        ready++;
      }
    for (const [set, { address }] of sets.entries()) if (address !== 0n) memory.write(address, results[set]!);
    return ready;
  });
}

/** ppoll(2) and pselect6(2): other signals are blocked while it waits; those of before come back when it is over. */
function withMask(call: Call, address: bigint, length: bigint, run: () => Result): Result {
  const { kernel, task, memory, resumed } = call;
  if (address !== 0n && resumed === undefined) {
    if (length !== 8n) throw new Errno('EINVAL');
    pushMask(kernel, task, memory.u64(address));
  }
  const restore = (): void => {
    if (address !== 0n) popMask(kernel, task);
  };
  try {
    const result = run();
    if (typeof result === 'number' && result >= 0) restore();
    return result;
  } catch (error) {
    restore();
    throw error;
  }
}

/** A relative time at an address; 0: for ever. What is left is written back, as Linux does. */
const deadlineAt =
  ({ kernel, memory }: Call, address: bigint): (() => number | undefined) =>
  () =>
    address === 0n ? undefined : kernel.state.clock + timespec(memory, address);

function writeRest(call: Call, address: bigint, deadline: number | undefined, result: Result): Result {
  if (address === 0n || deadline === undefined || (typeof result === 'object' && result !== null))
    return result;
  setTimespec(call.memory, address, Math.max(0, deadline - call.kernel.state.clock));
  return result;
}

function timed(call: Call, address: bigint, wait: (limit: () => number | undefined) => Result): Result {
  const before = call.resumed?.data as Waiting | undefined;
  let deadline = before?.deadline;
  const limit = deadlineAt(call, address);
  const result = wait(() => {
    deadline = limit();
    return deadline;
  });
  return writeRest(call, address, deadline, result);
}

function timeval(call: Call, address: bigint): () => number | undefined {
  const { kernel, memory } = call;
  return () => {
    if (address === 0n) return undefined;
    const [seconds, micros] = [
      BigInt.asIntN(64, memory.u64(address)),
      BigInt.asIntN(64, memory.u64(address + 8n)),
    ];
    if (seconds < 0n || micros < 0n) throw new Errno('EINVAL');
    return kernel.state.clock + Number(seconds) * NS + Number(micros) * 1000;
  };
}

/** poll(2) goes on after a signal without a handler until the same time (do_restart_poll). */
export function goOnPolling(call: Call, data: unknown): Result {
  return pollUntil(call, () => (data as Waiting).deadline);
}

function pollUntil(call: Call, limit: () => number | undefined): Result {
  const result = poll(call, limit);
  if (result !== -RESTART.ERESTARTNOHAND) return result;
  call.task.restart = { call: 'poll', data: call.resumed!.data };
  return -RESTART.ERESTART_RESTARTBLOCK;
}

export const POLLING: Calls = {
  poll: (call) => {
    const milliseconds = int(call.arguments[2]);
    return pollUntil(call, () =>
      milliseconds < 0 ? undefined : call.kernel.state.clock + milliseconds * 1_000_000,
    );
  },
  ppoll: (call) => {
    const [, , time, mask, length] = call.arguments as [bigint, bigint, bigint, bigint, bigint];
    return withMask(call, mask, length, () => timed(call, time, (limit) => poll(call, limit)));
  },
  select: (call) => {
    const address = call.arguments[4]!;
    const before = call.resumed?.data as Waiting | undefined;
    let deadline = before?.deadline;
    const limit = timeval(call, address);
    const result = select(call, () => {
      deadline = limit();
      return deadline;
    });
    if (address !== 0n && deadline !== undefined && typeof result === 'number') {
      const rest = Math.max(0, deadline - call.kernel.state.clock);
      call.memory.setU64(address, BigInt(Math.floor(rest / NS)));
      call.memory.setU64(address + 8n, BigInt(Math.floor((rest % NS) / 1000)));
    }
    return result;
  },
  pselect6: (call) => {
    const [, , , , time, masks] = call.arguments as [bigint, bigint, bigint, bigint, bigint, bigint];
    const [mask, length] = masks === 0n ? [0n, 8n] : [call.memory.u64(masks), call.memory.u64(masks + 8n)];
    return withMask(call, mask, length, () => timed(call, time, (limit) => select(call, limit)));
  },
};
