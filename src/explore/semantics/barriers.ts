import type { Addr } from '../../abi/address.js';
import { MEMBARRIER_COMMANDS } from '../../abi/membarrier.js';
import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { x86_64 } from '../../isa/x86-64/decoder.js';
import { RAX, RDI } from '../../isa/x86-64/registers.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import { ipOf } from './bounds.js';
import type { Draft } from './local.js';
import { locks } from './program-calls.js';
import { wordOf } from './registers.js';
import type { Steps } from './steps.js';
import type { World } from './world.js';

/** What an instruction has to do with store buffers. `parts`: it reads memory and writes memory, and not as one (no lock prefix). */
type Kind = 'empties' | 'call' | 'parts' | 'none';

/** Instructions that empty the store buffer, besides locked ones (Intel SDM vol. 3, 12.10 and 9.3). Not sfence: x86-TSO has it do nothing. */
const EMPTY_IT = /^(mfence|cpuid|serialize)\b/;

const MEMBARRIER = SYSCALLS_X86_64['membarrier']!;
const YIELD = SYSCALLS_X86_64['sched_yield']!;
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

/** What empties store buffers, besides interruptions. */
export class Barriers {
  private readonly kinds = new Map<number, Kind>();

  constructor(private readonly world: World) {}

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
    const number = low(RAX);
    if (number === SCENARIO_CALLS.done || number === YIELD || locks(number)) return { own: true, others: 0 };
    if (number !== MEMBARRIER || ASK_ONLY.includes(low(RDI))) return NO_BARRIER;
    // What it does depends on registers alone.
    const { fence, next } = steps.take(draft, { kind: 'execute' }, () => 0n)!;
    if (next === undefined || wordOf(next.registers, RAX) !== 0n) return NO_BARRIER;
    return { own: true, others: this.reachesAll(low(RDI)) ? -1 : fence };
  }

  private reachesAll(wanted: number): boolean {
    if (wanted !== command('GLOBAL_EXPEDITED')) return FOR_ALL.includes(wanted);
    return (this.world.main.mm.membarrier & command('REGISTER_GLOBAL_EXPEDITED')) !== 0;
  }

  private kindAt(ip: number): Kind {
    let kind = this.kinds.get(ip);
    if (kind === undefined) {
      const code = this.world.machine.fetch(BigInt(ip));
      kind = code.length === 0 ? 'none' : kindOf(code, ip);
      this.kinds.set(ip, kind);
    }
    return kind;
  }
}

function kindOf(code: Uint8Array, ip: number): Kind {
  const { flow, text, traits, memory } = x86_64.decode(code, ip as Addr);
  if (flow === 'syscall') return 'call';
  if (traits.has('atomic') || EMPTY_IT.test(text)) return 'empties';
  return memory.some(({ read }) => read) && memory.some(({ write }) => write) ? 'parts' : 'none';
}
