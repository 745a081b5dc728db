/** What a keeper does for `rseqlab annotate`: it plays the kernel's part for calls that their program has said something of. */
import { ANNOTATION, DESCRIPTOR } from '../../abi/annotation.js';
import { ERRNO, type ErrnoName, RESTART } from '../../abi/errno.js';
import { SIG } from '../../abi/signals.js';
import { type AnnotatedCall, actionOf, type CallAction, type CallEnd } from '../../event/annotated.js';
import { isErrno } from '../../linux/errors.js';
import { tryCall } from '../../linux/libc.js';
import * as ptrace from '../../linux/ptrace.js';
import { endOf } from '../../process/judge.js';
import { areaOf, armedSection } from '../calls/armed.js';
import { CallJob } from '../calls/call-job.js';
import { LOOK } from '../calls/call-stops.js';
import { callEntry, SYSCALL_SIZE } from '../calls/entry.js';
import type { Channel } from '../keeper/channel.js';
import { NEAR, Patience } from '../keeper/patience.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import type { Modules } from '../modules.js';
import { CallPlaces } from './call-places.js';
import { sitePlaces } from './sites.js';

export interface AnnotateConfig {
  readonly command: readonly string[];
  /** What is done with the call of this index, beside what its program asks for. */
  readonly plan?: { readonly index: number; readonly action: CallAction };
  /** The tool says of each call what is done with it. */
  readonly asks: boolean;
}

/** What it says, beside KeeperMessage; 64-bit values as text (`fromWire`). */
export type AnnotateMessage =
  | { readonly kind: 'call'; readonly call: AnnotatedCall }
  | { readonly kind: 'end'; readonly index: number; readonly end: CallEnd }
  | { readonly kind: 'limit'; readonly text: string };

/** What the tool answers to a call, where it is asked. */
export interface AnnotateAnswer {
  readonly kind: 'action';
  readonly index: number;
  readonly attempt: number;
  readonly action: CallAction;
}

/** What the tool says. */
type AnnotateOrder = AnnotateAnswer | { readonly kind: 'kill' };

/** A call that has begun. */
interface Begun {
  readonly call: AnnotatedCall;
  readonly key: string;
  readonly at: number;
  injected: boolean;
}

const RESTARTS = new Set<bigint>(Object.values(RESTART).map((value) => BigInt(-value)));
const NO_CALL = (1n << 64n) - 1n;

/** JSON with bigint as `{"big":"12"}`. */
export const toWire = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? { big: `${each}` } : each)));
export const fromWire = <T>(value: unknown): T =>
  JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each?.big === 'string' ? BigInt(each.big) : each,
  ) as T;

export function annotateJob(channel: Channel, given: unknown): void {
  const config = fromWire<AnnotateConfig>(given);
  new AnnotateJob(channel, config).run(config.command);
}

class AnnotateJob extends CallJob {
  private readonly begun = new Map<number, Begun>();
  /** The last call of a thread that was interrupted: it may come again. */
  private readonly interrupted = new Map<number, Begun>();
  private readonly asked = new Map<string, TracedThread>();
  private readonly patience = new Patience();
  private readonly places = new CallPlaces();
  private calls = 0;

  constructor(
    channel: Channel,
    private readonly config: AnnotateConfig,
  ) {
    super(channel, {
      places: sitePlaces,
      onCall: (thread, modules) => this.onCall(thread, modules),
      onReturn: (thread) => this.onReturn(thread),
      onLimit: (text) => this.say({ kind: 'limit', text }),
    });
    this.keeper.tracer.wait = () => this.patience.wait();
  }

  override onProcess(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    // That call does not come back either.
    if (how === 'exec') this.end(thread, 0n);
    super.onProcess(process, thread, how);
  }

  /** A call that ends its thread or becomes another program has no result. */
  override onThreadExit(thread: TracedThread): void {
    super.onThreadExit(thread);
    this.end(thread, undefined);
    this.interrupted.delete(thread.tid);
  }

  override onTick(): void {
    super.onTick();
    this.patience.run();
    this.keeper.tickIn(this.untilNext());
  }

  onMessage(message: unknown): void {
    const order = fromWire<AnnotateOrder>(message);
    if (order.kind === 'kill')
      for (const pid of this.keeper.tracer.processes.keys()) tryCall('kill', pid, SIG.SIGKILL);
    else {
      const key = `${order.index} ${order.attempt}`;
      const thread = this.asked.get(key);
      this.asked.delete(key);
      if (thread !== undefined) this.act(thread, order.action);
    }
  }

  /** The tool is gone: whoever waits for its answer goes on. */
  onStop(): void {
    for (const [key, thread] of this.asked) {
      this.asked.delete(key);
      this.act(thread, {});
    }
  }

  private say(message: AnnotateMessage): void {
    this.keeper.send(toWire(message) as object);
  }

  private onCall(thread: TracedThread, modules: Modules): void {
    const registers = ptrace.getRegisters(thread.tid);
    const found = this.annotationOf(thread, registers);
    if (found === undefined) return;
    const key = `${thread.tid} ${found.call} ${registers.get('rip')}`;
    const before = this.interrupted.get(thread.tid);
    this.interrupted.delete(thread.tid);
    const again = before?.key === key ? before.call : undefined;
    const call: AnnotatedCall = {
      index: again?.index ?? ++this.calls,
      attempt: (again?.attempt ?? 0) + 1,
      pid: thread.process.pid,
      tid: thread.tid,
      ...callEntry(registers),
      annotation: found.annotation,
      place: this.places.of(modules, registers.get('rip') - SYSCALL_SIZE),
    };
    this.say({ kind: 'call', call });
    this.begun.set(thread.tid, { call, key, at: performance.now(), injected: false });
    if (this.config.asks) {
      thread.held = true;
      this.asked.set(`${call.index} ${call.attempt}`, thread);
    } else this.act(thread, this.config.plan?.index === call.index ? this.config.plan.action : {});
  }

  /** What the thread's descriptor says, where the section with this call as its last instruction is under way. */
  private annotationOf(thread: TracedThread, registers: ptrace.UserRegisters) {
    const { space } = thread.process;
    const read = (address: bigint, size: number): Uint8Array | undefined => space.read(Number(address), size);
    const bytes = read(registers.get('rbx'), DESCRIPTOR.size);
    if (bytes === undefined) return undefined;
    const { annotation: address, call } = DESCRIPTOR.read(bytes);
    const annotation = address === 0n ? undefined : read(address, ANNOTATION.size);
    if (annotation === undefined || !this.isArmed(thread, registers.get('rip'))) return undefined;
    return { call, annotation: ANNOTATION.read(annotation) };
  }

  /** rseq_cs names the section that ends behind this call: a signal has not come between the descriptor and the call. */
  private isArmed(thread: TracedThread, ip: bigint): boolean {
    if (areaOf(thread) === 0)
      this.say({
        kind: 'limit',
        text: `a thread of ${thread.process.pid} has no struct rseq registered: nothing it says of calls counts`,
      });
    const cs = armedSection(thread);
    return cs !== undefined && endOf(cs) === ip;
  }

  private act(thread: TracedThread, given: CallAction): void {
    const begun = this.begun.get(thread.tid);
    if (begun === undefined) return;
    const action = { ...actionOf(begun.call.annotation), ...given };
    if (action.delay === undefined || action.delay <= 0) return this.carryOut(thread, begun, action);
    thread.held = true;
    this.patience.at(performance.now() + action.delay, () => this.carryOut(thread, begun, action));
    if (action.delay > NEAR) this.keeper.tickIn(this.untilNext());
  }

  private untilNext(): number {
    return Math.max(1, Math.floor(Math.min(LOOK, this.patience.next - NEAR - performance.now())));
  }

  private carryOut(thread: TracedThread, begun: Begun, { fail, value }: CallAction): void {
    // It may have been killed meanwhile.
    if (this.begun.get(thread.tid) !== begun) return;
    const result = fail === undefined ? value : BigInt(-ERRNO[fail as ErrnoName]);
    if (result !== undefined && !this.inject(thread, result)) return;
    begun.injected = result !== undefined;
    this.stops.toReturn(thread);
  }

  /** False: the thread is gone meanwhile (SIGKILL), which another event will tell. */
  private inject({ tid }: TracedThread, result: bigint): boolean {
    try {
      const registers = ptrace.getRegisters(tid);
      // No call: the kernel leaves what is in rax (seccomp(2), SECCOMP_RET_TRACE).
      registers.set('orig_rax', NO_CALL);
      registers.set('rax', BigInt.asUintN(64, result));
      ptrace.setRegisters(tid, registers);
      return true;
    } catch (error) {
      if (!isErrno(error, 'ESRCH')) throw error;
      return false;
    }
  }

  private onReturn(thread: TracedThread): void {
    this.end(thread, BigInt.asIntN(64, ptrace.getRegisters(thread.tid).get('rax')));
  }

  private end(thread: TracedThread, result: bigint | undefined): void {
    const begun = this.begun.get(thread.tid);
    if (begun === undefined) return;
    this.begun.delete(thread.tid);
    const { call, injected, at } = begun;
    const interrupted = !injected && result !== undefined && RESTARTS.has(result);
    if (interrupted) this.interrupted.set(thread.tid, begun);
    const duration = performance.now() - at;
    this.say({ kind: 'end', index: call.index, end: { result, interrupted, injected, duration } });
  }
}
