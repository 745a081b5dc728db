import { MEMBARRIER_CMD_FLAG_CPU, MEMBARRIER_COMMANDS } from '../../abi/membarrier.js';
import type { Arch } from '../../kernel/arch/index.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import type { Task } from '../../kernel/state.js';

/** System calls that change nothing but the task that makes them, or (membarrier) interrupt others. */
const ALLOWED = [
  'rseq',
  'membarrier',
  'getcpu',
  'getpid',
  'gettid',
  'getppid',
  'sched_yield',
  'rt_sigprocmask',
  'rt_sigreturn',
  'sigaltstack',
  'getuid',
  'geteuid',
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
] as const;
/** ... and these only a RSEQLAB_TRACER, to the task that it has stopped: which argument says whom. */
const OF_TRACERS: Readonly<Record<string, number>> = { ptrace: 1, process_vm_readv: 0, process_vm_writev: 0 };
/** They have no arguments. */
const BARE = ['rt_sigreturn', 'getpid', 'gettid', 'getppid', 'sched_yield', 'getuid', 'geteuid'] as const;

const command = (name: string): number =>
  MEMBARRIER_COMMANDS.find((each) => each.name === `MEMBARRIER_CMD_${name}`)!.value;
const FENCE = command('PRIVATE_EXPEDITED_RSEQ');

/** The system calls of an architecture, as exploration has them. */
export class Calls {
  private readonly numbers: ReadonlySet<number>;
  private readonly ofTracers: ReadonlyMap<number, number>;
  /** How many arguments calls have that have few, and that a task's `done` has none that anybody looks at. */
  private readonly counts: ReadonlyMap<number, number>;
  readonly sigreturn: number;
  readonly membarrier: number;

  constructor(private readonly arch: Arch) {
    const { syscalls } = arch;
    this.sigreturn = syscalls['rt_sigreturn']!;
    this.membarrier = syscalls['membarrier']!;
    this.numbers = new Set([...ALLOWED.map((name) => syscalls[name]!), ...Object.values(SCENARIO_CALLS)]);
    this.ofTracers = new Map(Object.entries(OF_TRACERS).map(([name, at]) => [syscalls[name]!, at]));
    this.counts = new Map([
      ...BARE.map((name) => [syscalls[name]!, 0] as const),
      [SCENARIO_CALLS.done, 0],
      [SCENARIO_CALLS.released, 0],
      [SCENARIO_CALLS.result, 1],
      [SCENARIO_CALLS.operation, 0],
    ]);
  }

  /** What a system call does with registers: how many of its arguments it looks at, and whether it comes back to the instruction behind it. */
  use(number: number): { readonly count: number; readonly returns: boolean } {
    const returns =
      number !== this.sigreturn && number !== SCENARIO_CALLS.done && number !== SCENARIO_CALLS.released;
    return { count: this.counts.get(number) ?? 6, returns };
  }

  /** Which call a task is about to make. */
  numberOf({ registers }: Pick<Task, 'registers'>): number {
    return Number(registers[this.arch.convention.call.number]! & 0xffff_ffffn);
  }

  /** Why a call cannot be explored; undefined where it can. */
  refused(number: number, { registers, traced, tid }: Task): string | undefined {
    if (!this.numbers.has(number)) return ', which exploration does not have';
    const argument = (n: number): bigint => registers[this.arch.arguments[n]!]! & 0xffff_ffffn;
    const whom = this.ofTracers.get(number);
    if (whom !== undefined && (traced === undefined || argument(whom) !== BigInt(tid)))
      return ', which exploration has only in RSEQLAB_TRACER, of the task that it has stopped';
    const wanted = Number(argument(0));
    if (
      number === this.membarrier &&
      MEMBARRIER_COMMANDS.some(({ name, value }) => value === wanted && name.includes('REGISTER_'))
    )
      return ' to register; do that in RSEQLAB_SETUP';
    return undefined;
  }

  /** CPUs whose tasks a membarrier(2) interrupts, as bits; 0 for any other call. */
  fence(number: number, registers: BigUint64Array): number {
    const [command, flags, cpu] = this.arch.arguments.map((word) => registers[word]!) as [
      bigint,
      bigint,
      bigint,
    ];
    if (number !== this.membarrier || Number(command & 0xffff_ffffn) !== FENCE) return 0;
    const on = Number(BigInt.asIntN(32, cpu));
    if (Number(flags & 0xffff_ffffn) !== MEMBARRIER_CMD_FLAG_CPU || on < 0) return 0xffff;
    return on < 16 ? 1 << on : 0;
  }
}
