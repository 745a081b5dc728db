import { MEMBARRIER_CMD_FLAG_CPU, MEMBARRIER_COMMANDS } from '../../abi/membarrier.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { RDI, RDX, RSI } from '../../isa/x86-64/registers.js';
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
/** ... and these only a RSEQLAB_TRACER, to the task that it has stopped. */
const OF_TRACERS: ReadonlySet<number> = new Set(['ptrace', 'process_vm_readv', 'process_vm_writev'].map((name) => SYSCALLS_X86_64[name]!)); // biome-ignore format: a list

const NUMBERS: ReadonlySet<number> = new Set([
  ...ALLOWED.map((name) => SYSCALLS_X86_64[name]!),
  ...Object.values(SCENARIO_CALLS),
]);
const MEMBARRIER = SYSCALLS_X86_64['membarrier']!;
const command = (name: string): number =>
  MEMBARRIER_COMMANDS.find((each) => each.name === `MEMBARRIER_CMD_${name}`)!.value;
const FENCE = command('PRIVATE_EXPEDITED_RSEQ');

/** How many arguments calls have that have few, and that a task's `done` has none that anybody looks at. */
const ARGUMENTS: ReadonlyMap<number, number> = new Map([
  ...['rt_sigreturn', 'getpid', 'gettid', 'getppid', 'sched_yield', 'getuid', 'geteuid'].map(
    (name) => [SYSCALLS_X86_64[name]!, 0] as const,
  ),
  [SCENARIO_CALLS.done, 0],
  [SCENARIO_CALLS.released, 0],
  [SCENARIO_CALLS.result, 1],
  [SCENARIO_CALLS.operation, 0],
]);

/** What a system call does with registers: how many of its arguments it looks at, and whether it comes back to the instruction behind it. */
export function callUse(number: number): { readonly count: number; readonly returns: boolean } {
  const returns =
    number !== SYSCALLS_X86_64['rt_sigreturn'] &&
    number !== SCENARIO_CALLS.done &&
    number !== SCENARIO_CALLS.released;
  return { count: ARGUMENTS.get(number) ?? 6, returns };
}

/** Why a call cannot be explored; undefined where it can. */
export function allowedCall(number: number, { registers, traced, tid }: Task): string | undefined {
  if (!NUMBERS.has(number)) return ', which exploration does not have';
  if (OF_TRACERS.has(number)) {
    const pid = registers[number === SYSCALLS_X86_64['ptrace'] ? RSI : RDI]! & 0xffff_ffffn;
    if (traced === undefined || pid !== BigInt(tid))
      return ', which exploration has only in RSEQLAB_TRACER, of the task that it has stopped';
  }
  const wanted = Number(registers[RDI]! & 0xffff_ffffn);
  if (
    number === MEMBARRIER &&
    MEMBARRIER_COMMANDS.some(({ name, value }) => value === wanted && name.includes('REGISTER_'))
  )
    return ' to register; do that in RSEQLAB_SETUP';
  return undefined;
}

/** CPUs whose tasks a membarrier(2) interrupts, as bits; 0 for any other call. */
export function fenceOf(number: number, registers: BigUint64Array): number {
  if (number !== MEMBARRIER || Number(registers[RDI]! & 0xffff_ffffn) !== FENCE) return 0;
  const flags = Number(registers[RSI]! & 0xffff_ffffn);
  const cpu = Number(BigInt.asIntN(32, registers[RDX]!));
  if (flags !== MEMBARRIER_CMD_FLAG_CPU || cpu < 0) return 0xffff;
  return cpu < 16 ? 1 << cpu : 0;
}
