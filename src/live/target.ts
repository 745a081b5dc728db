/** What can be looked at: a process that runs, a core, an image of ours or of CRIU's. All say the same things; but for those of the first their threads stand still. */
import type { CallState } from '../linux/procfs.js';
import type { MapView, Registers, RseqConfiguration } from '../process/process.js';
import type { InspectedProcess } from '../report/inspect-document.js';
import type { Modules } from './modules.js';

export interface TargetThread {
  readonly tid: number;
  readonly name: string;
  /** As /proc has it: R, S, D, T, t, Z ...; of a core `core`, of an image `image`. */
  readonly state: string;
  /** Where it ran last; undefined in a core. */
  readonly cpu: number | undefined;
  /** Undefined where the thread or the permission has gone. */
  readonly call: CallState | undefined;
  /** fs_base, where it is known without a stop. */
  readonly threadPointer: bigint | undefined;
  /** Of a thread that stands still. */
  readonly registers: Registers | undefined;
  /** What the kernel says that it has registered; `unasked` where it has not been asked. */
  readonly rseq: RseqConfiguration | undefined | 'unasked';
}

export interface Target {
  readonly kind: InspectedProcess['kind'];
  readonly pid: number;
  readonly name: string;
  readonly executable: string;
  readonly command: readonly string[];
  readonly architecture: 'x86-64' | 'i386';
  readonly auxv: ReadonlyMap<number, bigint>;
  readonly modules: Modules;
  readonly maps: readonly MapView[];
  read(address: bigint, size: number): Uint8Array | undefined;
  /** It is mapped there, and what was there is not known: it stands in a file that is not here. */
  lacks?(address: bigint): boolean;
}

const CALL_ARGUMENTS = ['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'] as const;

/** The system call that a thread of an image or a core was in. */
export function callIn({ ip, sp, values }: Registers): CallState | undefined {
  const all = new Map(values);
  const number = BigInt.asIntN(64, all.get('orig_rax') ?? -1n);
  if (number < 0n) return undefined;
  return {
    kind: 'call',
    number: Number(number),
    arguments: CALL_ARGUMENTS.map((name) => all.get(name) ?? 0n),
    sp,
    ip,
  };
}
