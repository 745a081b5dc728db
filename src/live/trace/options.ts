/** What `trace` and `top` can be asked for. */
import type { Event } from '../../event/event.js';
import type { Observed } from '../../event/observed.js';

/** What is watched. */
export type Target =
  | { readonly kind: 'command'; readonly args: readonly string[] }
  | { readonly kind: 'processes'; readonly pids: readonly number[] }
  | { readonly kind: 'all' };

/** Groups of events that can be chosen, with the kinds of each. */
export const EVENT_GROUPS = {
  rseq: ['register', 'unregister'],
  abort: ['abort'],
  violation: ['violation'],
  exec: ['exec', 'exit'],
  thread: ['start'],
  switch: ['switch'],
  migrate: ['migrate'],
  signal: ['signal'],
  membarrier: [],
  update: ['rseq-update'],
} as const satisfies Readonly<Record<string, readonly Event['kind'][]>>;

export type EventGroup = keyof typeof EVENT_GROUPS;

export const DEFAULT_EVENTS: readonly EventGroup[] = ['rseq', 'abort', 'violation', 'exec'];

/** Says of an event whether it is in one of these groups. */
export function chosenBy(groups: readonly EventGroup[]): (observed: Observed) => boolean {
  const kinds = new Set<string>(groups.flatMap((group) => EVENT_GROUPS[group]));
  const calls = new Set<string>(groups.filter((group) => group === 'rseq' || group === 'membarrier'));
  return ({ event }) =>
    event.kind === 'syscall' || event.kind === 'return' ? calls.has(event.name) : kinds.has(event.kind);
}

export type Source = 'auto' | 'perf' | 'ptrace';

export interface SessionOptions {
  readonly target: Target;
  readonly source: Source;
  /** Bytes of each CPU's ring; undefined: as is usual. */
  readonly buffer: number | undefined;
  /** Also rseq:rseq_update. */
  readonly updates: boolean;
}

/** The process cannot be watched, or the command not be started: one line for the user. */
export class TargetError extends Error {}
