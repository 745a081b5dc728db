import { type Addr, plus } from '../abi/address.js';
import type { FunctionRange } from '../binary/image.js';
import { has, type Instruction, type RegisterId, type RegisterSet, registerBit } from '../isa/instruction.js';
import type { Code } from './code.js';
import { type Access, Evaluator, nextOf } from './evaluate.js';
import { isPadding } from './functions.js';
import { type Linear, Values } from './nodes.js';
import { meet, type State, sameState, unknownState } from './state.js';
import { Worklist } from './worklist.js';

/** The part of a critical section that the flow of control knows: while ip is in [start, end), control may go to abort. */
export interface AbortRange {
  readonly start: Addr;
  readonly end: Addr;
  readonly abort: Addr;
}

/** More instructions than this in one function and its fragments: the rest is left out, and said so. */
const MAX_INSTRUCTIONS = 60_000;

/** Longest section whose abort edges are followed, in bytes; a longer range is a damaged descriptor. */
const MAX_ABORTABLE = 1 << 16;
const PAGE = 256;
/** Changes of one place's state after which it settles. */
const SETTLED = 16;
/** Ways into one place that are remembered each: the abort handler of a section of a thousand instructions has as many. */
const MANY_WAYS = 256;
/** Where control comes from at the start of a function: no instruction. */
const ENTRY = -1 as Addr;

/**
 * Control flow and values of one function that has to do with rseq, with all that its direct jumps reach (cold
 * parts, abort handlers in other sections). From every instruction of a critical section control can also go to its abort
 * handler, with the registers as they stand before that instruction: this is how the kernel leaves it
 * (kernel/rseq.c, rseq_ip_fixup).
 */
export class Flow {
  readonly values = new Values();
  readonly evaluator: Evaluator;
  /** The analysis stopped at MAX_INSTRUCTIONS, or the file's budget was used up. */
  truncated = false;
  private readonly states = new Map<Addr, State>();
  private readonly normal = new Map<Addr, readonly Addr[]>();
  private readonly reverse = new Map<Addr, Addr[]>();
  /** What each way in brings to a place, by the instruction it comes from (ENTRY: nobody). */
  private readonly incoming = new Map<Addr, Map<Addr, State>>();
  private readonly visits = new Map<Addr, number>();
  private readonly pending = new Worklist();
  private live: ReadonlyMap<Addr, RegisterSet> | undefined;

  constructor(
    readonly code: Code,
    readonly range: FunctionRange,
    private readonly aborts: AbortRanges,
    /** Is this function (by its start) part of the unit, so that a jump to it is followed and not a tail call? */
    private readonly belongs: (start: Addr) => boolean,
    /** Instructions that may still be analysed in this file; shared by its functions, and counted down here. */
    private readonly budget: { left: number },
  ) {
    this.evaluator = new Evaluator(code, this.values);
    this.enter(range.start);
    this.run();
    this.sweep();
  }

  /** All instructions reached, ascending by address. */
  get instructions(): Instruction[] {
    return [...this.states.keys()].sort((a, b) => a - b).flatMap((at) => this.code.at(at) ?? []);
  }

  reached(at: Addr): boolean {
    return this.states.has(at);
  }

  before(at: Addr): State | undefined {
    return this.states.get(at);
  }

  register(at: Addr, register: RegisterId): Linear | undefined {
    return this.states.get(at)?.registers[register];
  }

  /** Where control goes on without an abort. */
  successors(at: Addr): readonly Addr[] {
    return this.normal.get(at) ?? [];
  }

  /** The abort handlers control may go to when it is interrupted before this instruction. */
  abortTargets(at: Addr): readonly Addr[] {
    return this.aborts.at(at).map(({ abort }) => abort);
  }

  predecessors(at: Addr): readonly Addr[] {
    return this.reverse.get(at) ?? [];
  }

  accesses(at: Addr): Access[] {
    const instruction = this.code.at(at);
    const state = this.states.get(at);
    return instruction === undefined || state === undefined
      ? []
      : this.evaluator.accesses(instruction, state);
  }

  /** Does the address lie on the stack of this function? */
  onStack(address: Linear): boolean {
    const sp = this.code.decoder.stackPointer;
    return address.terms.some(
      ({ atom, factor }) => atom.kind === 'entry' && atom.register === sp && factor === 1,
    );
  }

  /**
   * Walks forward from `from` by normal edges, not beyond places where `stop` holds (those are visited, not
   * passed). Returns every address visited with the one before it on a shortest way.
   */
  walk(from: readonly Addr[], stop: (at: Addr) => boolean): Map<Addr, Addr | undefined> {
    const cameFrom = new Map<Addr, Addr | undefined>(from.map((at) => [at, undefined]));
    const queue = [...from];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      if (stop(at)) continue;
      for (const next of this.successors(at)) {
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, at);
        queue.push(next);
      }
    }
    return cameFrom;
  }

  private enter(at: Addr): void {
    this.arrive(at, unknownState(this.values, at), ENTRY);
  }

  private arrive(at: Addr, state: State, from: Addr): void {
    if (this.code.at(at) === undefined) return;
    const known = this.states.get(at);
    if (known === undefined && (this.states.size >= MAX_INSTRUCTIONS || this.budget.left-- <= 0)) {
      this.truncated = true;
      return;
    }
    const ways = this.incoming.get(at) ?? new Map<Addr, State>();
    this.incoming.set(at, ways);
    const many = ways.size >= MANY_WAYS && !ways.has(from);
    if (!many) ways.set(from, state);
    // Each way's newest state counts, until a place has changed so often that only what is known may shrink further:
    // so the analysis ends.
    const settled = known !== undefined && (many || (this.visits.get(at) ?? 0) > SETTLED);
    const met = meet(this.values, settled ? [known, state] : [...ways.values()], at, settled);
    if (known !== undefined && sameState(met, known)) return;
    this.visits.set(at, (this.visits.get(at) ?? 0) + 1);
    this.states.set(at, met);
    this.pending.add(at);
  }

  private run(): void {
    for (let at = this.pending.take(); at !== undefined; at = this.pending.take()) {
      const instruction = this.code.at(at);
      const state = this.states.get(at);
      if (instruction === undefined || state === undefined) continue;
      for (const { abort } of this.aborts.at(at)) this.arrive(abort, state, at);
      const next = this.normal.get(at) ?? this.link(instruction);
      if (next.length === 0) continue;
      const after = this.evaluator.after(instruction, state, this.code.decoder.stackPointer);
      for (const to of next) this.arrive(to, after, at);
    }
  }

  private link(instruction: Instruction): readonly Addr[] {
    const next = this.targets(instruction).filter((to) => this.code.at(to) !== undefined);
    this.normal.set(instruction.address, next);
    for (const to of next) {
      const list = this.reverse.get(to);
      if (list === undefined) this.reverse.set(to, [instruction.address]);
      else list.push(instruction.address);
    }
    return next;
  }

  private targets(instruction: Instruction): Addr[] {
    const next = nextOf(instruction);
    const { target } = instruction;
    switch (instruction.flow) {
      case 'next':
      case 'syscall':
      case 'indirect-call':
        return [next];
      case 'call':
        if (target !== undefined && this.isInnerLabel(target)) return [target, next];
        return this.code.neverReturns(this.code.calleeName(instruction)) || this.endsFunction(next)
          ? []
          : [next];
      case 'branch':
        return target !== undefined && this.isLocal(target) ? [next, target] : [next];
      case 'jump':
        return target !== undefined && this.isLocal(target) ? [target] : [];
      default:
        return [];
    }
  }

  /** Behind the last instruction of a function stands another one: compilers end it with a call only where that never returns. */
  private endsFunction(next: Addr): boolean {
    const { image } = this.code;
    if (image.functionAt(next)?.start === next && next !== this.range.start) return true;
    return next === this.range.end && this.range.from !== 'guess';
  }

  /** call 1f: a label in the middle of this function, not a function of its own. */
  private isInnerLabel(target: Addr): boolean {
    const within = target > this.range.start && target < this.range.end;
    return within && this.code.image.functionAt(target)?.start !== target;
  }

  /** A jump to the start of another function is a tail call; anywhere else it goes on here. */
  private isLocal(target: Addr): boolean {
    if (target >= this.range.start && target < this.range.end) return true;
    const function_ = this.code.image.functionAt(target);
    if (function_ === undefined || function_.start !== target) return true;
    return this.belongs(target) || /\.(cold|part)\b/.test(function_.name ?? '');
  }

  /** Is this instruction the last of its function: control leaves and does not come back here? */
  leaves(instruction: Instruction): boolean {
    if (instruction.flow === 'return' || instruction.flow === 'indirect-jump') return true;
    return instruction.flow === 'jump' && this.successors(instruction.address).length === 0;
  }

  /** Code that nothing seen so far jumps to: targets of jump tables, landing pads. Entered with nothing known. */
  private sweep(): void {
    for (let at: Addr = this.range.start; at < this.range.end; ) {
      const instruction = this.code.at(at);
      if (instruction === undefined) return;
      if (this.aborts.isSignature(at)) {
        at = plus(at, SIGNATURE_SIZE);
        continue;
      }
      if (!this.states.has(at) && !isPadding(instruction) && !this.insideReached(at)) {
        this.enter(at);
        this.run();
      }
      if (this.truncated) return;
      at = nextOf(instruction);
    }
  }

  /** Does the address lie within an instruction that was reached, and not at its beginning? */
  insideReached(at: Addr): boolean {
    for (let back = 1; back < this.code.decoder.maxLength; back++) {
      const before = (at - back) as Addr;
      if (this.states.has(before)) return before + (this.code.at(before)?.length ?? 0) > at;
    }
    return false;
  }

  /** Registers whose value before the instruction may still be read, by aborts too. */
  liveBefore(at: Addr): RegisterSet {
    this.live ??= this.liveness();
    return this.live.get(at) ?? 0n;
  }

  private liveness(): ReadonlyMap<Addr, RegisterSet> {
    const live = new Map<Addr, RegisterSet>();
    const { decoder } = this.code;
    const order = [...this.states.keys()].sort((a, b) => b - a);
    const leaving = decoder.calleeSaved | registerBit(decoder.stackPointer);
    for (let changed = true; changed; ) {
      changed = false;
      for (const at of order) {
        const instruction = this.code.at(at);
        if (instruction === undefined) continue;
        let out: RegisterSet = 0n;
        for (const next of this.successors(at)) out |= live.get(next) ?? 0n;
        if (this.leaves(instruction) && instruction.flow !== 'indirect-jump') out |= leaving;
        const calls = instruction.flow === 'call' || instruction.flow === 'indirect-call';
        let before = instruction.reads | (out & ~(calls ? decoder.callerSaved : instruction.writes));
        for (const { abort } of this.aborts.at(at)) before |= live.get(abort) ?? 0n;
        if (before === (live.get(at) ?? 0n)) continue;
        live.set(at, before);
        changed = true;
      }
    }
    return live;
  }
}

/** All the sections of a file, as its functions need them: who holds an address, found by page rather than by asking each. */
export class AbortRanges {
  private readonly byPage = new Map<number, AbortRange[]>();
  private readonly handlers: ReadonlySet<Addr>;

  constructor(ranges: readonly AbortRange[]) {
    this.handlers = new Set(ranges.map(({ abort }) => abort));
    for (const range of ranges) {
      const last = Math.min(range.end - 1, range.start + MAX_ABORTABLE);
      for (let page = Math.floor(range.start / PAGE); page <= Math.floor(last / PAGE); page++) {
        const list = this.byPage.get(page);
        if (list === undefined) this.byPage.set(page, [range]);
        else list.push(range);
      }
    }
  }

  at(at: Addr): readonly AbortRange[] {
    const page = this.byPage.get(Math.floor(at / PAGE));
    return page === undefined ? [] : page.filter(({ start, end }) => at >= start && at < end);
  }

  /** Do the four bytes of a signature stand here? They are data, whatever they decode to. */
  isSignature(at: Addr): boolean {
    return this.handlers.has(plus(at, SIGNATURE_SIZE));
  }
}

/** Bytes of the signature in front of an abort handler: a u32 (kernel/rseq.c, rseq_get_rseq_cs). */
export const SIGNATURE_SIZE = 4;

/** Does the instruction write this register, fully or in part? */
export const writesRegister = (instruction: Instruction, register: RegisterId): boolean =>
  has(instruction.writes, register);
