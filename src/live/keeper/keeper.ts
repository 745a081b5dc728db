/**
 * A keeper: a process of ours that holds ptrace for a tool and outlives it. A tracer that is killed leaves its breakpoints in its tracees' code, and
 * kills those that stand in a step or at an int3. Nobody kills a keeper but its user by its id: when its tool is gone it takes everything back, gives
 * the tracees up, and ends.
 */

import { go, startStopped } from '../../linux/spawn.js';
import { type Change, waitFor } from '../../linux/wait.js';
import { Bell, type Channel } from './channel.js';
import type { TracedProcess, TraceHandler } from './traced.js';
import { Tracer } from './tracer.js';

/** What a keeper is to do: it is told by its tool's first message. */
export interface Order {
  readonly job: string;
  readonly config: unknown;
}

/** What every keeper says, beside what its job has to say. */
export type KeeperMessage =
  /** Nothing could be begun: `message` is for the user. */
  | { readonly kind: 'refused'; readonly message: string }
  /** The program has ended. */
  | { readonly kind: 'ended'; readonly status?: number; readonly signal?: number }
  /** A mistake of ours. */
  | { readonly kind: 'failed'; readonly message: string };

/** To give everybody up, where that fails. */
const MOST_ATTEMPTS = 100;

/** The job's side of a keeper. */
export class Keeper {
  readonly tracer: Tracer;
  private readonly bell = new Bell();
  private root = 0;
  private started = false;
  private ended = false;
  private leaving = false;
  private ringing = false;

  constructor(
    private readonly channel: Channel,
    private readonly handler: TraceHandler & {
      /** Every `tick` milliseconds. */
      onTick?(): void;
      /** The tool wants an end: everything will be released. */
      onStop?(): void;
      /** What the tool says in between; anything but `{"kind":"stop"}`. */
      onMessage?(message: unknown): void;
      /** The tracees cannot do without a tracer: they are traced to their end, also when the tool is gone. */
      readonly stays?: boolean;
    },
    private tick = 0,
    events: ConstructorParameters<typeof Tracer>[1] = [],
  ) {
    this.tracer = new Tracer(
      {
        ...bound(handler),
        onExit: (process, how) => {
          handler.onExit?.(process, how);
          if (process.pid === this.root) this.end(how);
        },
        onOther: (change) => this.other(change),
      },
      events,
    );
  }

  send(message: object): void {
    this.channel.send(message);
  }

  /** A program of our own, in front of its exec. Throws SystemError. */
  start(
    args: readonly string[],
    ...more: Parameters<typeof startStopped> extends [unknown, ...infer R] ? R : never
  ): number {
    const pid = startStopped(args, ...more);
    this.started = true;
    this.root = pid;
    this.tracer.begin(pid);
    go(pid);
    return pid;
  }

  /** A process that runs. Throws SystemError. */
  attach(pid: number): TracedProcess {
    this.root = pid;
    return this.tracer.attach(pid);
  }

  /** The next onTick comes in so many milliseconds; 0: none. */
  tickIn(milliseconds: number): void {
    this.tick = milliseconds;
    if (this.ringing) return;
    this.bell.end();
    this.bell.set(this.tick, !this.leaving);
  }

  /** Until all tracees have ended, or the tool has, or the tool or the job says stop. */
  run(): void {
    this.bell.set(this.tick);
    try {
      this.tracer.run();
      // What runs on without us: how it ends is worth knowing.
      while (this.started && !this.ended && !this.leaving) {
        const change = waitFor(-1);
        if (change === undefined) return;
        this.other(change);
      }
    } catch (error) {
      this.abandon();
      throw error;
    } finally {
      this.bell.end();
    }
  }

  /** Gives all tracees up. A program that we started is waited for, unless the tool is gone, or wanted it. */
  stop(): void {
    this.handler.onStop?.();
    this.tracer.release();
  }

  /** After a mistake of ours: breakpoints that stay would kill whom they are left to. */
  private abandon(): void {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      try {
        this.stop();
        return;
      } catch {
        // What failed for one is not to keep us from the others.
      }
    }
  }

  private other(change: Change): void {
    if (change.kind !== 'exited' && change.kind !== 'killed') return;
    if (change.tid === this.root) this.end(change);
    if (!this.bell.is(change.tid)) return;
    this.ringing = true;
    if (!this.leaving) this.listen();
    if (this.leaving && this.handler.stays !== true) return;
    this.handler.onTick?.();
    this.ringing = false;
    // A tool that is gone has nothing more to say.
    if ((!this.ended || this.handler.stays === true) && (!this.leaving || this.tick > 0))
      this.bell.set(this.tick, !this.leaving);
  }

  private listen(): void {
    for (;;) {
      const message = this.channel.receive(false) as { kind?: string } | undefined;
      if (message === undefined) break;
      if (message.kind === 'stop') return this.leave();
      this.handler.onMessage?.(message);
    }
    if (this.channel.gone) this.leave();
  }

  private leave(): void {
    this.leaving = true;
    if (this.handler.stays === true) this.handler.onStop?.();
    else this.stop();
  }

  private end(how: Extract<Change, { kind: 'exited' | 'killed' }>): void {
    this.ended = true;
    this.send(
      how.kind === 'exited' ? { kind: 'ended', status: how.status } : { kind: 'ended', signal: how.signal },
    );
  }
}

/** A handler's methods, whatever it is an object of. */
function bound(handler: TraceHandler): TraceHandler {
  const names = [
    'onProcess', 'onThread', 'onTask', 'onBreakpoint', 'onSignal', 'onStep', 'onEvent', 'onSyscall', 'onInterrupted', 'onGiveUp', 'onExit', 'onThreadExit',
    'onMemoryGone',
  ] as const; // biome-ignore format: a list
  return Object.fromEntries(
    names.flatMap((name) => {
      const method = handler[name] as ((...args: unknown[]) => unknown) | undefined;
      return method === undefined ? [] : [[name, method.bind(handler)]];
    }),
  );
}
