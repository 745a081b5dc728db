import { basename } from 'node:path';
import type { ChainableCommander } from 'ioredis';
import { Digest } from '../../event/digest.js';
import type { Plan } from '../../explore/queue/board.js';

/** All searches that are under way on a Redis: a set of names. */
export const SEARCHES = 'rseqlab:searches';

/** Of BullMQ's queue. */
export const PIECES = 'pieces';

/** Seconds after which keys go whose search was killed. */
export const EXPIRY = 120;
/** Milliseconds between two signs of life. */
export const BEAT = 250;

/** The keys of one search. */
export const keysOf = (name: string) => {
  // Braces: in a cluster all of it is in one place.
  const prefix = `{rseqlab:${name}}`;
  return {
    prefix,
    /** Who has the search, as Head.run: there as long as it lives. */
    alive: `${prefix}:alive`,
    /** A Head, as JSON. */
    head: `${prefix}:head`,
    /** The ELF file. */
    program: `${prefix}:program`,
    /** A Plan, as JSON. */
    plan: `${prefix}:plan`,
    answers: `${prefix}:answers`,
    /** By number, with how often each has shown that it lives. */
    workers: `${prefix}:workers`,
    /** How many workers there have been. */
    came: `${prefix}:came`,
    /** The search has ended as it should. */
    over: `${prefix}:over`,
    /** What was asked of the semantics, words. */
    log: (generation: number) => `${prefix}:log:${generation}`,
    piece: (generation: number, id: number) => `${prefix}:piece:${generation}:${id}`,
  };
};
export type Keys = ReturnType<typeof keysOf>;

/** What a worker must know of a command. */
export interface Head {
  readonly schema: 'rseqlab.explore-queue/1';
  readonly version: string;
  /** The number of its process' connection, and another word each time: a search may begin again under its name. */
  readonly run: string;
  /** Of the object. */
  readonly path: string;
  /** ExploreOptions without what is no data. */
  readonly options: object;
}
/** What of it changes, from scenario to scenario, and when a search begins anew. */
export interface RunPlan extends Plan {
  readonly run: string;
}
export const HEAD_SCHEMA: Head['schema'] = 'rseqlab.explore-queue/1';

/** A name for a search that says what it is of: the same for the same file and options. */
export function nameOf(path: string, program: Uint8Array, options: object): string {
  const digest = new Digest();
  digest.bytes(program);
  digest.bytes(new TextEncoder().encode(JSON.stringify(options)));
  const stem = basename(path).replace(/[^A-Za-z0-9._-]/g, '_');
  return `${stem}-${digest.text().slice(0, 8)}`;
}

/** Names that a user gives. */
export const isName = (name: string): boolean => /^[A-Za-z0-9._-]{1,100}$/.test(name);

/** Those that BullMQ uses for what is asked of it here, but for stalled-check, which expires in time for the next check. */
export const bullKeys = (keys: Readonly<Record<string, string>>): string[] =>
  ['wait', 'active', 'id', 'meta', 'events', 'marker', 'stalled'].map((name) => keys[name]!);

/** Keys go by themselves when nobody says otherwise in time. */
export function expiring(pipeline: ChainableCommander, keys: readonly string[]): ChainableCommander {
  for (const key of keys) pipeline.expire(key, EXPIRY);
  return pipeline;
}

/** What somebody has written there as JSON; undefined where it is none. */
export function parsed<T>(text: string | null | undefined): T | undefined {
  try {
    return text ? (JSON.parse(text) as T) : undefined;
  } catch {
    return undefined;
  }
}
