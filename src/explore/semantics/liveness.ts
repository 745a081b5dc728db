import type { Expression, Meaning, Statement } from '../../isa/meaning.js';
import type { Arch } from '../../kernel/arch/index.js';
import type { Calls } from './calls.js';
import { expressionsOf, partsOf } from './expressions.js';

/** Registers as bits, by their number in Meaning: the general ones, and vectors; 32 of each at most, so that bit 31 is the sign. Flags: 1 or 0. */
export interface RegisterBits {
  readonly general: number;
  readonly vectors: number;
  readonly flags: number;
}
type Bits = { -readonly [name in keyof RegisterBits]: RegisterBits[name] };

const NONE: RegisterBits = { general: 0, vectors: 0, flags: 0 };
const bits = (...registers: readonly number[]): number => registers.reduce((sum, n) => sum | (1 << n), 0);
const all = (count: number): number => (count === 32 ? -1 : (1 << count) - 1);

/** A section whose code may be aborted, in which an interruption leads to `abort`. */
export interface AbortRange {
  readonly start: number;
  readonly end: number;
  readonly abort: number;
}

/** A number of which some bits are what they were. */
interface Part {
  readonly keeps: bigint;
  readonly bits: bigint;
}

/** Instructions in a row that may make up a call's number. */
const LONGEST_NUMBER = 4;

interface Flow {
  readonly reads: RegisterBits;
  readonly writes: RegisterBits;
  readonly next: readonly number[];
  /** Returns, or jumps to what is not written in it. */
  readonly leaves: 'return' | 'anywhere' | undefined;
  /** A call: where it returns to. */
  readonly site: number | undefined;
  /** What it puts into the register with the number of a call, where that is made from constants and from what was there before; `keeps`: bits of that. */
  readonly number: Part | undefined;
  readonly isSystemCall: boolean;
}

/**
 * Which registers nobody will read any more. Follows the code from entries through jumps, direct calls and aborts; a return may lead behind
 * any call that was found; from an indirect jump on all registers count as read. Of what instructions do it knows nothing but their meanings.
 */
export class Liveness {
  private readonly flows = new Map<number, Flow | undefined>();
  private solved: Map<number, RegisterBits> | undefined;
  private readonly sites = new Set<number>();
  /** System calls whose number is always the same. */
  private readonly calls = new Map<number, number>();
  private readonly all: RegisterBits;

  constructor(
    private readonly arch: Arch,
    private readonly callUses: Pick<Calls, 'use'>,
    private readonly meaningAt: (at: number) => Meaning | undefined,
    entries: readonly number[],
    private readonly ranges: readonly AbortRange[],
    /** Where functions of scenarios return to. */
    returns: readonly number[],
    /** Where signal handlers begin: they find the registers of what they interrupt. `all`: they look at all of them. */
    private readonly handlers: readonly number[] | 'all' = [],
  ) {
    const { names, vectors } = arch.convention;
    this.all = { general: all(names.length), vectors: all(vectors.length), flags: 1 };
    for (const site of returns) this.sites.add(site);
    const roots = [...entries, ...returns, ...ranges.map(({ abort }) => abort)];
    this.follow(roots);
    this.nameCalls(new Set([...roots, ...this.sites]));
  }

  /** By instruction; worked out when it is first asked for. */
  private get live(): Map<number, RegisterBits> {
    if (this.solved === undefined) {
      this.solved = new Map();
      this.solve();
    }
    return this.solved;
  }

  /** General registers and flags that signal handlers may read before they have written them. */
  get inherited(): RegisterBits {
    const { handlers } = this;
    if (this.inherits === undefined) {
      const { general, flags } = handlers === 'all' ? this.all : this.union(handlers);
      const given = handlers === 'all' ? 0 : bits(...this.arch.convention.handler);
      this.inherits = { general: general & ~given, vectors: 0, flags };
    }
    return this.inherits;
  }
  private inherits: RegisterBits | undefined;

  /** Registers that are dead in front of an instruction; none of one that was not found. */
  deadAt(at: number): RegisterBits {
    if (this.handlers === 'all') return NONE;
    const live = this.live.get(at) ?? this.all;
    const { general, flags } = this.inherited;
    return {
      general: ~live.general & ~general & this.all.general,
      vectors: ~live.vectors & this.all.vectors,
      flags: ~live.flags & ~flags & 1,
    };
  }

  /** May control go from one instruction to the other, for all that is known here? */
  knows(from: number, to: number): boolean {
    const flow = this.flows.get(from);
    if (flow === undefined || !this.flows.has(to)) return false;
    return (
      (flow.leaves === 'anywhere' && !this.calls.has(to)) ||
      flow.next.includes(to) ||
      (flow.leaves === 'return' && this.sites.has(to)) ||
      from === to
    );
  }

  private follow(entries: readonly number[]): void {
    const todo = [...entries];
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      if (this.flows.has(at)) continue;
      const meaning = this.meaningAt(at);
      const flow = meaning && this.flowOf(meaning, at);
      this.flows.set(at, flow);
      if (flow === undefined) continue;
      todo.push(...flow.next);
      if (flow.site === undefined) continue;
      this.sites.add(flow.site);
      todo.push(flow.site);
    }
  }

  /** The number that a system call has for all that is known here; undefined where it may have several. */
  callAt(at: number): number | undefined {
    return this.calls.get(at);
  }

  /** A system call that is only reached from instructions in front of it that all make the same number for it. */
  private nameCalls(roots: ReadonlySet<number>): void {
    const before = new Map<number, [number, Flow][]>();
    for (const [at, flow] of this.flows)
      for (const next of flow?.next ?? []) before.set(next, [...(before.get(next) ?? []), [at, flow!]]);
    const numberAt = (at: number, depth = 0): number | undefined => {
      const numbers = new Set(
        before.get(at)?.map(([from, { number }]) => {
          if (number === undefined || number.keeps === 0n || depth === LONGEST_NUMBER || roots.has(from))
            return number?.keeps === 0n ? Number(number.bits) : undefined;
          const was = numberAt(from, depth + 1);
          return was === undefined ? undefined : Number((BigInt(was) & number.keeps) | number.bits);
        }),
      );
      return numbers.size === 1 ? [...numbers][0] : undefined;
    };
    for (const [at, flow] of this.flows) {
      if (flow?.isSystemCall !== true || roots.has(at)) continue;
      const number = numberAt(at);
      if (number === undefined) continue;
      this.calls.set(at, number);
      const { count, returns } = this.callUses.use(number);
      const { call, stackPointer } = this.arch.convention;
      const general =
        bits(call.number, ...call.arguments.slice(0, count)) | (returns ? 0 : bits(stackPointer));
      this.flows.set(at, {
        ...flow,
        reads: { general, vectors: 0, flags: 0 },
        next: returns ? flow.next : [],
      });
    }
  }

  private solve(): void {
    const order = [...this.flows.keys()].sort((a, b) => b - a);
    for (let changed = true; changed; ) {
      changed = false;
      const atReturn = this.union([...this.sites]);
      for (const at of order) {
        const before = this.live.get(at) ?? NONE;
        const after = this.liveBefore(at, atReturn);
        if (
          after.general === before.general &&
          after.vectors === before.vectors &&
          after.flags === before.flags
        )
          continue;
        this.live.set(at, after);
        changed = true;
      }
    }
  }

  private liveBefore(at: number, atReturn: RegisterBits): RegisterBits {
    const flow = this.flows.get(at);
    if (flow === undefined || flow.leaves === 'anywhere') return this.all;
    const behind = this.union(flow.next);
    const out = flow.leaves === 'return' ? or(behind, atReturn) : behind;
    const aborts = this.ranges.filter(({ start, end }) => start <= at && at < end).map(({ abort }) => abort);
    return or(
      {
        general: (out.general & ~flow.writes.general) | flow.reads.general,
        vectors: (out.vectors & ~flow.writes.vectors) | flow.reads.vectors,
        flags: (out.flags & ~flow.writes.flags) | flow.reads.flags,
      },
      this.union(aborts),
    );
  }

  private union(places: readonly number[]): RegisterBits {
    return places.reduce<RegisterBits>((sum, at) => or(sum, this.live.get(at) ?? NONE), NONE);
  }

  private flowOf({ statements, next }: Meaning, at: number): Flow {
    const { call, link } = this.arch.convention;
    const reads: Bits = { ...NONE };
    const writes: Bits = { ...NONE };
    const targets = new Set<number>();
    let leaves: Flow['leaves'];
    let site: number | undefined;
    let ends = false;
    // What stands behind a conditional exit may not be done.
    let sure = true;
    let number: Part | undefined;
    let isSystemCall = false;
    for (const statement of statements) {
      for (const e of expressionsOf(statement)) read(e, reads);
      switch (statement.do) {
        case 'set':
          if (statement.width >= 32 && sure) writes.general |= 1 << statement.register;
          else if (statement.width < 32) reads.general |= 1 << statement.register;
          if (statement.register === call.number)
            number = statement.width >= 32 ? partOf(statement.value, call.number) : undefined;
          // The link register, where a call comes back to.
          if (statement.register === link && isAddress(statement.value, next)) site = Number(next);
          break;
        case 'set-xmm':
          if (sure) writes.vectors |= 1 << statement.register;
          break;
        case 'flags':
          if (sure && STATUS.every((flag) => statement.flags[flag] !== undefined)) writes.flags = 1;
          break;
        case 'store':
          if (link === undefined && isAddress(statement.value, next)) site = Number(next);
          break;
        case 'jump':
          ends = true;
          if (statement.target.op === 'constant') targets.add(Number(statement.target.value));
          else leaves = isReturn(statements, this.arch) ? 'return' : 'anywhere';
          break;
        case 'branch':
          targets.add(Number(statement.target));
          sure = false;
          break;
        case 'repeat':
          targets.add(at);
          sure = false;
          break;
        case 'trap':
          if (statement.trap === 'system-call') {
            isSystemCall = true;
            reads.general |= bits(call.number, ...call.arguments);
            if (call.readsFlags) reads.flags = 1;
            writes.general |= bits(...call.writes);
          } else if (statement.when === undefined) {
            // A handler may go on behind it.
            ends = true;
            Object.assign(reads, this.all);
          } else sure = false;
          break;
        case 'helper':
        case 'x87':
          Object.assign(reads, this.all);
          break;
        default:
          break;
      }
    }
    // A call is no jump for what comes behind it: that is reached by a return.
    if (!ends) targets.add(Number(next));
    // Registers that are read are read first: memory and operands come before results.
    if (!sure) number = undefined;
    return { reads, writes, next: [...targets], leaves, site, number, isSystemCall };
  }
}

const or = (a: RegisterBits, b: RegisterBits): RegisterBits => ({
  general: a.general | b.general,
  vectors: a.vectors | b.vectors,
  flags: a.flags | b.flags,
});

/** Those that programs test; AArch64 has four of them, and always writes all six. */
const STATUS = ['cf', 'pf', 'af', 'zf', 'sf', 'of'] as const;

const isAddress = (value: Expression, address: bigint): boolean =>
  value.op === 'constant' && value.value === address;

/** A value made from constants and bits of register `n` (movz, movk). */
function partOf(e: Expression, n: number): Part | undefined {
  if (e.op === 'constant') return { keeps: 0n, bits: e.value };
  if (e.op === 'register')
    return e.register === n ? { keeps: (1n << BigInt(e.width)) - 1n, bits: 0n } : undefined;
  if (e.op !== 'binary' || (e.fn !== 'and' && e.fn !== 'or')) return undefined;
  const [a, b] = [partOf(e.a, n), partOf(e.b, n)];
  if (a === undefined || b === undefined || b.keeps !== 0n) return undefined;
  return e.fn === 'and'
    ? { keeps: a.keeps & b.bits, bits: a.bits & b.bits }
    : { keeps: a.keeps & ~b.bits, bits: a.bits | b.bits };
}

/** `ret`: the stack pointer is moved, and no address behind the instruction is stored; or it jumps to what a register holds by name, which is not `br`. */
const isReturn = (statements: readonly Statement[], { convention }: Arch): boolean =>
  convention.link === undefined
    ? statements.some((each) => each.do === 'set' && each.register === convention.stackPointer) &&
      !statements.some((each) => each.do === 'store')
    : statements.length === 1 && statements[0]!.do === 'jump' && statements[0].target.op === 'register';

function read(e: Expression, into: Bits): void {
  if (e.op === 'register') into.general |= 1 << e.register;
  else if (e.op === 'flag') into.flags = 1;
  else if (e.op === 'xmm') into.vectors |= 1 << e.register;
  for (const part of partsOf(e)) read(part, into);
}
