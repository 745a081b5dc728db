import type { Addr } from '../../abi/address.js';
import { MEMBARRIER_COMMANDS } from '../../abi/membarrier.js';
import type { Arch } from '../../kernel/arch/index.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import { ipOf } from './bounds.js';
import type { Draft } from './local.js';
import { wordOf } from './registers.js';
import type { Steps } from './steps.js';
import type { World } from './world.js';

/** What an instruction has to do with store buffers. `parts`: it reads memory and writes memory, and not as one (no lock prefix). */
type Kind = 'empties' | 'call' | 'parts' | 'none';

/** Instructions that empty the store buffer, besides locked ones (Intel SDM vol. 3, 12.10 and 9.3). Not sfence: x86-TSO has it do nothing. */
const EMPTY_IT = /^(mfence|cpuid|serialize)\b/;

const command = (name: string): number =>
  MEMBARRIER_COMMANDS.find((each) => each.name === `MEMBARRIER_CMD_${name}`)!.value;
const ASK_ONLY: readonly number[] = [command('QUERY'), command('GET_REGISTRATIONS')];
/** These reach every running thread of the process. */
const FOR_ALL: readonly number[] = [
  command('GLOBAL'),
  command('PRIVATE_EXPEDITED'),
  command('PRIVATE_EXPEDITED_SYNC_CORE'),
];

/** A system call as store buffers see it: whether its task's is empty behind it, and those of which CPUs, as bits. */
interface CallBarrier {
  readonly own: boolean;
  readonly others: number;
}
const NO_BARRIER: CallBarrier = { own: false, others: 0 };

/** By name. */
const LOCKS = ['futex', 'nanosleep', 'clock_nanosleep', 'exit', 'exit_group'] as const;
const locksOf = ({ syscalls }: Arch): ReadonlySet<number> => new Set(LOCKS.map((name) => syscalls[name]!));

/** What empties store buffers, besides interruptions. */
export class Barriers {
  private readonly kinds = new Map<number, Kind>();
  private readonly locks: ReadonlySet<number>;

  constructor(private readonly world: World) {
    this.locks = locksOf(world.arch);
  }

  /** The call takes a lock of the kernel's, gives the CPU away, or ends the thread: its stores are in memory by then. */
  isLock(call: number): boolean {
    return this.locks.has(call);
  }

  /** The instruction there is only done with an empty store buffer, and what it stores does not wait. */
  isAt(ip: number): boolean {
    return this.kindAt(ip) === 'empties';
  }

  /** The instruction there reads first and stores then, and others may come in between. */
  isInParts(ip: number): boolean {
    return this.kindAt(ip) === 'parts';
  }

  /**
   * Of the task's next instruction. Entering the kernel is no barrier in itself (kernel/sched/membarrier.c says so where it has one): of the calls
   * that exploration has, membarrier(2) has one at its begin and end, and sched_yield(2) locks the run queue (kernel/sched/syscalls.c). A task
   * ends with an empty buffer.
   */
  ofCall(draft: Draft, steps: Steps): CallBarrier {
    if (this.kindAt(ipOf(draft)) !== 'call') return NO_BARRIER;
    const low = (register: number): number => Number(wordOf(draft.registers, register) & 0xffff_ffffn);
    const { arch, calls } = this.world;
    const number = low(arch.convention.call.number);
    const wanted = low(arch.arguments[0]!);
    if (number === SCENARIO_CALLS.done || number === arch.syscalls['sched_yield'] || this.locks.has(number))
      return { own: true, others: 0 };
    if (number !== calls.membarrier || ASK_ONLY.includes(wanted)) return NO_BARRIER;
    // What it does depends on registers alone.
    const { fence, next } = steps.take(draft, { kind: 'execute' }, () => 0n)!;
    if (next === undefined || wordOf(next.registers, arch.result) !== 0n) return NO_BARRIER;
    return { own: true, others: this.reachesAll(wanted) ? -1 : fence };
  }

  private reachesAll(wanted: number): boolean {
    if (wanted !== command('GLOBAL_EXPEDITED')) return FOR_ALL.includes(wanted);
    return (this.world.main.mm.membarrier & command('REGISTER_GLOBAL_EXPEDITED')) !== 0;
  }

  private kindAt(ip: number): Kind {
    let kind = this.kinds.get(ip);
    if (kind === undefined) {
      const code = this.world.machine.fetch(BigInt(ip));
      kind = code.length === 0 ? 'none' : kindOf(this.world.arch, code, ip);
      this.kinds.set(ip, kind);
    }
    return kind;
  }
}

function kindOf({ name, convention }: Arch, code: Uint8Array, ip: number): Kind {
  const { flow, text, traits, memory } = convention.decoder.decode(code, ip as Addr);
  if (flow === 'syscall') return 'call';
  // What reads and writes memory there is atomic; and there are no store buffers.
  if (name !== 'x86-64') return 'none';
  if (traits.has('atomic') || EMPTY_IT.test(text)) return 'empties';
  return memory.some(({ read }) => read) && memory.some(({ write }) => write) ? 'parts' : 'none';
}
