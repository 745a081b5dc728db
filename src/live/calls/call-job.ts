import type { Channel } from '../keeper/channel.js';
import { Keeper } from '../keeper/keeper.js';
import { startOrRefuse } from '../keeper/refusal.js';
import type { Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread, TraceHandler } from '../keeper/traced.js';
import { type CallStopOptions, CallStops, LOOK } from './call-stops.js';

/** What a keeper does for a command that stops a program at certain of its system calls: what it is told of goes to CallStops first. */
export abstract class CallJob implements TraceHandler {
  protected readonly keeper: Keeper;
  protected readonly stops: CallStops;

  constructor(channel: Channel, options: CallStopOptions) {
    this.keeper = new Keeper(channel, this, LOOK, ['SECCOMP']);
    this.stops = new CallStops(() => this.keeper.tracer, options);
  }

  run(command: readonly string[]): void {
    startOrRefuse(this.keeper, command);
    this.keeper.run();
  }

  /** Filters, where there are any, stay: without somebody to answer them their calls would fail. */
  get stays(): boolean {
    return this.stops.installed;
  }

  onProcess(process: TracedProcess, thread: TracedThread, how: 'attach' | 'exec' | 'fork'): void {
    this.stops.onProcess(process, thread, how);
  }

  onThread(thread: TracedThread): void {
    this.stops.onThread(thread);
  }

  onSignal(thread: TracedThread, signal: number): number {
    return this.stops.onSignal(thread, signal);
  }

  onGiveUp(thread: TracedThread): void {
    this.stops.onGiveUp(thread);
  }

  onBreakpoint(thread: TracedThread, { at }: { readonly at: number }): void {
    this.stops.onBreakpoint(thread, at);
  }

  onInterrupted(thread: TracedThread): void {
    this.stops.onInterrupted(thread);
  }

  onEvent(thread: TracedThread, event: unknown): void {
    this.stops.onEvent(thread, event);
  }

  onSyscall(thread: TracedThread): void {
    this.stops.onSyscall(thread);
  }

  onThreadExit(thread: TracedThread): void {
    this.stops.onThreadExit(thread);
  }

  onMemoryGone(space: Space): void {
    this.stops.onMemoryGone(space);
  }

  onTick(): void {
    this.stops.onTick();
  }
}
