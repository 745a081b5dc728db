/** What can be looked at: a process that runs, or a core. Both say the same things; a core's threads all stand still. */
import type { CallState } from '../linux/procfs.js';
import type { MapView, Registers, RseqConfiguration } from '../process/process.js';
import type { Modules } from './modules.js';

export interface TargetThread {
  readonly tid: number;
  readonly name: string;
  /** As /proc has it: R, S, D, T, t, Z ...; of a core `core`. */
  readonly state: string;
  /** Where it ran last; undefined in a core. */
  readonly cpu: number | undefined;
  /** Undefined in a core, and where the thread or the permission has gone. */
  readonly call: CallState | undefined;
  /** fs_base, where it is known without a stop. */
  readonly threadPointer: bigint | undefined;
  /** Of a thread that stands still. */
  readonly registers: Registers | undefined;
  /** What the kernel says that it has registered; `unasked` where it has not been asked. */
  readonly rseq: RseqConfiguration | undefined | 'unasked';
}

export interface Target {
  readonly kind: 'live' | 'core';
  readonly pid: number;
  readonly name: string;
  readonly executable: string;
  readonly command: readonly string[];
  readonly architecture: 'x86-64' | 'i386';
  readonly auxv: ReadonlyMap<number, bigint>;
  readonly modules: Modules;
  readonly maps: readonly MapView[];
  read(address: bigint, size: number): Uint8Array | undefined;
}
