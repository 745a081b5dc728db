import { type Addr, plus } from '../abi/address.js';
import type { Instruction } from '../isa/instruction.js';
import type { RseqArea, Touched } from '../sections/area.js';
import type { Access } from '../sections/evaluate.js';
import { nextOf } from '../sections/evaluate.js';
import type { Findings } from '../sections/find.js';
import type { Flow } from '../sections/flow.js';
import type { CriticalSection } from '../sections/section.js';

/** A memory access inside the section, and what it touches. */
export interface TouchedAccess extends Access {
  readonly touched: Touched;
}

/** Longest section that is taken apart, in bytes; longer ranges are judged by their descriptor only. */
const MAX_SECTION = 64 * 1024;

/** The instructions of a section from start_ip to its end; none where its range or its code cannot be used. */
export function instructionsOf({ code }: Findings, { start, end }: CriticalSection): Instruction[] {
  if (code === undefined || start === undefined || end === undefined || end - start > MAX_SECTION) return [];
  return [...code.between(start, end)];
}

/** One section with its code, as the rules see it. */
export class SectionView {
  readonly section: CriticalSection;
  readonly flow: Flow | undefined;
  /** The instructions from start_ip to the end of the range, one behind the other. Empty where there is no code to see. */
  readonly instructions: readonly Instruction[];
  /** The range ends in the middle of an instruction. */
  readonly endsInside: boolean;
  private readonly area: RseqArea;
  private accessCache: readonly TouchedAccess[] | undefined;

  constructor(
    readonly findings: Findings,
    section: CriticalSection,
  ) {
    this.section = section;
    this.area = findings.area;
    this.flow = findings.flowOf(section);
    this.instructions = instructionsOf(findings, section);
    const last = this.instructions.at(-1);
    this.endsInside = last !== undefined && section.end !== undefined && nextOf(last) > section.end;
  }

  /** Control flows around start_ip, not through it: it is no boundary of the function's instructions. */
  get startsInside(): boolean {
    const { flow } = this;
    const { start } = this.section;
    return flow !== undefined && start !== undefined && !flow.reached(start) && flow.insideReached(start);
  }

  /** The range is code from end to end: what is said of its instructions means something. */
  get usable(): boolean {
    return (
      this.instructions.length > 0 &&
      !this.endsInside &&
      !this.startsInside &&
      !this.instructions.some(({ flow }) => flow === 'unknown')
    );
  }

  /** An abort comes to the handler: with a wrong signature the kernel kills the thread instead, and what stands there is no handler. */
  get abortRuns(): boolean {
    return this.section.signature === this.findings.signature;
  }

  /** Is the address in [start_ip, start_ip + post_commit_offset)? */
  inside(at: Addr): boolean {
    const { start, end } = this.section;
    return start !== undefined && end !== undefined && at >= start && at < end;
  }

  /** Every memory access of the section's instructions that control reaches. */
  get accesses(): readonly TouchedAccess[] {
    this.accessCache ??= this.instructions.flatMap((instruction) => this.accessesAt(instruction.address));
    return this.accessCache;
  }

  accessesAt(at: Addr): TouchedAccess[] {
    const { flow } = this;
    if (flow === undefined) return [];
    return flow.accesses(at).map((access) => ({ ...access, touched: this.area.touched(flow, access) }));
  }

  /** Stores that other threads can see; a call's return address and the like go to the stack and are none. */
  get visibleStores(): readonly TouchedAccess[] {
    return this.accesses.filter((access) => access.write && access.touched.kind === 'other');
  }

  /** The system call that ends the section, where its last instruction is one. */
  get lastSyscall(): Instruction | undefined {
    const last = this.instructions.at(-1);
    return last?.flow === 'syscall' && nextOf(last) === this.section.end ? last : undefined;
  }

  /** Where control may go from inside without leaving the section. */
  successorsInside(at: Addr): Addr[] {
    return (this.flow?.successors(at) ?? []).filter((next) => this.inside(next));
  }

  /** Addresses inside that control can reach from (behind) this instruction without leaving the section. */
  reachableInside(from: Addr): ReadonlySet<Addr> {
    const seen = new Set<Addr>();
    const queue = this.successorsInside(from);
    for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      queue.push(...this.successorsInside(at));
    }
    return seen;
  }

  /** Stores of this section's descriptor to rseq_cs, by instruction. */
  isArming(at: Addr): boolean {
    return this.section.armings.some((arming) => arming.at === at);
  }

  /** The place just behind the section: where control goes once it has committed. */
  get postCommit(): Addr | undefined {
    return this.section.end;
  }

  /** The first visible change of a path through the section comes with these; nothing after them may be inside. */
  get commits(): readonly TouchedAccess[] {
    const stores = this.visibleStores;
    return stores.filter((store) => {
      const later = this.reachableInside(store.instruction.address);
      const overtaken = stores.some(
        (other) =>
          other !== store && other.instruction !== store.instruction && later.has(other.instruction.address),
      );
      const callFollows = this.lastSyscall !== undefined && later.has(this.lastSyscall.address);
      return !overtaken && !callFollows && !later.has(store.instruction.address);
    });
  }

  /** The descriptor's place, or the arming store of one on the stack: what descriptor rules point at. */
  get descriptorPlace(): Addr | undefined {
    return this.section.descriptor.address ?? this.section.armings[0]?.at;
  }

  /** One field of the descriptor, so that a finding can point at its line of source. */
  fieldPlace(offset: number): Addr | undefined {
    const { address } = this.section.descriptor;
    return address === undefined ? this.descriptorPlace : plus(address, offset);
  }
}
