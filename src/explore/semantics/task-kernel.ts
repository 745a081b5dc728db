import type { Rseq, Signal, Task, Traced, Wait } from '../../kernel/state.js';
import type { Window } from './values.js';
import { fromLocal, toLocal } from './values.js';

/** What the kernel keeps of a task besides its registers: plain data. What is equal is the same object, with the same id. */
export interface KernelPart {
  readonly id: number;
  readonly cpu: number;
  readonly call: bigint;
  /** The first argument of that call, where the register with the result was its register. */
  readonly argument: bigint;
  readonly mask: bigint;
  readonly savedMask: bigint | undefined;
  readonly signalPending: boolean;
  readonly pending: readonly Signal[];
  readonly altStack: Task['altStack'];
  readonly mmCid: number;
  readonly rseq: Rseq;
  /** What it waits for in a system call, or has waited for. */
  readonly wait: Wait | undefined;
  readonly traced: Traced | undefined;
  readonly clearChildTid: bigint;
  readonly robustList: bigint;
}

/** Every kernel part there is, each once. */
export class KernelParts {
  private readonly known = new Map<string, KernelPart>();

  /** `forgets`: what happened before the task last left the kernel means nothing (it does where flags of a section say which events abort it). */
  take(task: Task, window: Window, forgets: boolean): KernelPart {
    const part = partOf(task, window, forgets);
    const key = JSON.stringify(part, plain);
    let known = this.known.get(key);
    if (known === undefined) {
      known = { id: this.known.size, ...part };
      this.known.set(key, known);
    }
    return known;
  }
}

function partOf(task: Task, window: Window, forgets: boolean): Omit<KernelPart, 'id'> {
  const { call, mask, savedMask, signalPending, mmCid } = task;
  const rseq = copyRseq(task.rseq, toLocal(task.rseq.pointer, window));
  if (forgets) rseq.mask = 0;
  return {
    cpu: task.cpu,
    call,
    argument: call === -1n ? 0n : toLocal(task.argument, window),
    mask,
    savedMask,
    signalPending,
    pending: task.pending.slice(),
    altStack: { ...task.altStack, sp: toLocal(task.altStack.sp, window) },
    mmCid,
    rseq,
    wait: task.wait && { ...task.wait },
    traced: copyTraced(task.traced, (at) => toLocal(at, window)),
    clearChildTid: toLocal(task.clearChildTid, window),
    robustList: toLocal(task.robustList, window),
  };
}

export function putKernelPart(task: Task, part: KernelPart, window: Window): void {
  task.cpu = part.cpu;
  task.call = part.call;
  task.argument = fromLocal(part.argument, window);
  task.mask = part.mask;
  task.savedMask = part.savedMask;
  task.signalPending = part.signalPending;
  task.pending = part.pending.slice();
  task.altStack = { ...part.altStack, sp: fromLocal(part.altStack.sp, window) };
  task.mmCid = part.mmCid;
  task.rseq = copyRseq(part.rseq, fromLocal(part.rseq.pointer, window));
  task.state = 'runnable';
  task.killed = undefined;
  // Of a fault that killed it when another state was looked at: it would go into the frame of a handler.
  task.trap = { number: 0, error: 0, address: 0n };
  task.after = undefined;
  task.wait = part.wait && { ...part.wait };
  task.traced = copyTraced(part.traced, (at) => fromLocal(at, window));
  task.tracerDue = undefined;
  task.clearChildTid = fromLocal(part.clearChildTid, window);
  task.robustList = fromLocal(part.robustList, window);
  task.entered = undefined;
}

const copyRseq = (rseq: Rseq, pointer: bigint): Rseq => ({
  ...rseq,
  pointer,
  causes: new Set([...rseq.causes].sort()),
  slice: { ...rseq.slice },
});

const copyTraced = (traced: Traced | undefined, place: (at: bigint) => bigint): Traced | undefined =>
  traced && {
    ...traced,
    rseq: copyRseq(traced.rseq, place(traced.rseq.pointer)),
    frame: place(traced.frame),
  };

const plain = (_: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return `${value}n`;
  return value instanceof Set ? [...value] : value;
};
