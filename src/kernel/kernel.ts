import type { RuleValues } from '../abi/kernel-rows.js';
import { type KernelRules, kernelRules } from '../abi/kernel-rules.js';
import type { Event, Happening } from '../event/event.js';
import { ARCHES, type Arch, type ArchName } from './arch/index.js';
import type { Host } from './host.js';
import type { Policy } from './policy.js';
import { randomWords } from './random.js';
import { Spaces } from './spaces.js';
import { FIRST_PID, type KernelState, type Mm, type Task } from './state.js';
import { UserMemory } from './user.js';

/** What a simulated Linux is started with. */
export interface KernelOptions {
  /** Whose rules it follows, e.g. `6.18`. */
  readonly version: string;
  /** CONFIG_DEBUG_RSEQ up to 6.18, rseq_debug=1 since. */
  readonly debugRseq: boolean;
  /** What its programs are for, x86-64 unless said otherwise. */
  readonly programs?: ArchName;
  /** Whose entry code the kernel has, that of its programs' architecture unless said otherwise. */
  readonly arch?: 'x86-64' | 'aarch64';
  /** Rules that it does not keep, with what it does instead: for whoever wants to see that it is noticed. */
  readonly broken?: Partial<RuleValues>;
  readonly cpus: number;
  /** For getrandom(2), AT_RANDOM, /dev/urandom. */
  readonly seed: number;
  /** Pages that programs may touch, all together: more, and the program is killed as by the OOM killer. */
  readonly memoryLimit: number;
  readonly policy: Policy;
  readonly host: Host;
  readonly onEvent?: (event: Event) => void;
}

/** The simulated Linux: its state, and what works on it. */
export class Kernel {
  state: KernelState;
  readonly spaces: Spaces;
  readonly rules: KernelRules;
  readonly arch: Arch;
  policy: Policy;
  readonly host: Host;
  /** The simulation stops here, in instructions and on the clock: to be looked at, not to go on. */
  horizon: { instructions: number; clock: number } = {
    instructions: Number.POSITIVE_INFINITY,
    clock: Number.POSITIVE_INFINITY,
  };
  /** Asked about breakpoints (int3) before they become signals: true where the breakpoint is not the program's. rip stands behind it. */
  onBreakpoint: ((task: Task) => boolean) | undefined;
  /** Contents of files of the host, which never change: by MemoryObject.initial. Apart from the state, so that it stays small. */
  readonly contents = new Map<number, Uint8Array>();
  private readonly callNames: ReadonlyMap<number, string>;
  private readonly memories = new Map<number, UserMemory>();

  constructor(readonly options: KernelOptions) {
    this.arch = ARCHES[options.programs ?? 'x86-64'];
    this.spaces = new Spaces(this.arch.name);
    this.callNames = new Map(Object.entries(this.arch.syscalls).map(([name, number]) => [number, name]));
    this.rules = {
      ...kernelRules(options.version, { debug: options.debugRseq, arch: options.arch ?? this.arch.name }),
      ...options.broken,
      ...(options.broken?.arm64Aborts === false && { aborts: false }),
    };
    this.policy = options.policy;
    this.host = options.host;
    this.state = {
      clock: 1_000_000_000,
      instructions: 0,
      cpus: Array.from({ length: options.cpus }, (_, id) => ({
        id,
        current: undefined,
        queue: [],
        reschedule: false,
        visitor: undefined,
        since: 0,
      })),
      tasks: new Map(),
      processes: new Map(),
      mms: new Map(),
      resident: 0,
      mounts: new Map(),
      hostFiles: new Map(),
      waiters: new Map(),
      timers: [],
      nextPid: FIRST_PID,
      firstPid: FIRST_PID,
      nextId: 1,
      random: randomWords(options.seed),
      status: undefined,
      unknownCalls: new Set(),
      scenario: undefined,
      input: undefined,
    };
  }

  memory(mm: Mm): UserMemory {
    let known = this.memories.get(mm.id);
    if (known === undefined) {
      known = new UserMemory(this.spaces.of(mm.id).machine);
      this.memories.set(mm.id, known);
    }
    return known;
  }

  /** An address space whose last user is gone. */
  forget(mm: Mm): void {
    this.memories.delete(mm.id);
    this.spaces.release(mm.id);
  }

  /** The memories are others now: a snapshot was gone back to. */
  forgetAll(): void {
    this.memories.clear();
  }

  /** `rseq`, or `syscall_999` for a number without a name. */
  syscallName(number: number): string {
    return this.callNames.get(number) ?? `syscall_${number}`;
  }

  emit(task: Task, happening: Happening): void {
    this.emitAt(task.cpu, task.tid, happening);
  }

  emitAt(cpu: number, tid: number, happening: Happening): void {
    this.options.onEvent?.({ time: this.state.clock, cpu, tid, ...happening });
  }
}
