/** What is seen of real processes: events, and what only a tracer of the real kernel knows besides. */
import type { Event, SectionBounds } from './event.js';

/** What stands at an address of a process, as far as it is known. */
export interface CodePlace {
  /** The file's path, or `[vdso]`. */
  readonly file: string | undefined;
  /** The address in that file; the address itself without one. */
  readonly inFile: bigint;
  /** A function, or another symbol; demangled. */
  readonly function: string | undefined;
  /** Bytes from its beginning. */
  readonly offset: number;
  readonly source: { readonly file: string; readonly line: number } | undefined;
  /** The instruction, disassembled. */
  readonly instruction: string | undefined;
}

/** An abort, placed in its program. */
export interface ObservedAbort {
  readonly section: CodePlace;
  readonly at: CodePlace;
  /** The cause is inferred from what was seen around the abort, and that leaves a doubt. */
  readonly guess: boolean;
  /** Who had the CPU in between, or which signal. */
  readonly by: string | undefined;
  /** Nanoseconds from the interruption to the abort; undefined where nothing was seen of it. */
  readonly lost: number | undefined;
}

/** A system call, when it has come back. */
export interface ObservedCall {
  readonly arguments: readonly bigint[];
  readonly data: Extract<Event, { kind: 'syscall' }>['data'];
  /** Nanoseconds between the call and the reading of `data`; 0: the thread stood still meanwhile. */
  readonly age: number;
  /** The rule that decided an error: `condition` of abi/registration.ts. */
  readonly reason: string | undefined;
}

export interface Observed {
  readonly event: Event;
  readonly process: Observer;
  readonly abort?: ObservedAbort;
  readonly call?: ObservedCall;
}

/** The process of an event. */
export interface Observer {
  readonly pid: number;
  /** comm of the thread, at most 15 characters. */
  readonly name: string;
}

/** Names an abort's section among all processes: the same file at another address is the same section. */
export const sectionKey = ({ section }: ObservedAbort, bounds: SectionBounds): string =>
  `${section.file ?? ''}+${section.inFile}+${bounds.postCommitOffset}`;
