import { basename } from 'node:path';
import { Digest } from '../../event/digest.js';

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
    /** Who has the search: there as long as it lives. */
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
  /** Of the object. */
  readonly path: string;
  /** ExploreOptions without what is no data. */
  readonly options: object;
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
