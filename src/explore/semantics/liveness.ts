import type { Expression, Meaning, Statement } from '../../isa/meaning.js';
import { R8, R9, RAX, RCX, RDI, RDX, RSI, RSP } from '../../isa/x86-64/registers.js';
import { callUse } from './calls.js';
import { expressionsOf, partsOf } from './expressions.js';

/** Registers as bits: 0 to 15 the general ones, 16 the flags; vectors apart, 0 to 15. */
export interface RegisterBits {
  readonly general: number;
  readonly vectors: number;
}

export const FLAGS_BIT = 16;
const ALL: RegisterBits = { general: 0x1ffff, vectors: 0xffff };
const NONE: RegisterBits = { general: 0, vectors: 0 };
const R10 = 10;
const R11 = 11;
const bits = (...registers: readonly number[]): number => registers.reduce((sum, n) => sum | (1 << n), 0);
/** What a system call may look at, and what it changes: the flags go into r11. */
const CALL_READS = bits(RAX, RDI, RSI, RDX, R10, R8, R9, FLAGS_BIT);
const CALL_WRITES = bits(RAX, RCX, R11);
const ARGUMENTS = [RDI, RSI, RDX, R10, R8, R9];

/** What the kernel sets for a handler. */
const GIVEN = bits(RAX, RDI, RSI, RDX, RSP);

/** A section whose code may be aborted, in which an interruption leads to `abort`. */
export interface AbortRange {
  readonly start: number;
  readonly end: number;
  readonly abort: number;
}

interface Flow {
  readonly reads: RegisterBits;
  readonly writes: RegisterBits;
  readonly next: readonly number[];
  /** Returns, or jumps to what is not written in it. */
  readonly leaves: 'return' | 'anywhere' | undefined;
  /** A call: where it returns to. */
  readonly site: number | undefined;
  /** Puts a constant into rax. */
  readonly rax: number | undefined;
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

  constructor(
    private readonly meaningAt: (at: number) => Meaning | undefined,
    entries: readonly number[],
    private readonly ranges: readonly AbortRange[],
    /** Where functions of scenarios return to. */
    returns: readonly number[],
    /** Where signal handlers begin: they find the registers of what they interrupt. `all`: they look at all of them. */
    private readonly handlers: readonly number[] | 'all' = [],
  ) {
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

  /** General registers that signal handlers may read before they have written them. */
  get inherited(): number {
    const { handlers } = this;
    this.inherits ??= handlers === 'all' ? ALL.general : this.union(handlers).general & ~GIVEN;
    return this.inherits;
  }
  private inherits: number | undefined;

  /** Registers that are dead in front of an instruction; none of one that was not found. */
  deadAt(at: number): RegisterBits {
    if (this.handlers === 'all') return NONE;
    const live = this.live.get(at) ?? ALL;
    return {
      general: ~live.general & ~this.inherited & ALL.general,
      vectors: ~live.vectors & ALL.vectors,
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
      const flow = meaning && flowOf(meaning, at);
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

  /** A system call that is only reached from instructions in front of it that all put the same number into rax. */
  private nameCalls(roots: ReadonlySet<number>): void {
    const before = new Map<number, Flow[]>();
    for (const flow of this.flows.values())
      for (const next of flow?.next ?? []) before.set(next, [...(before.get(next) ?? []), flow!]);
    for (const [at, flow] of this.flows) {
      if (flow?.isSystemCall !== true || roots.has(at)) continue;
      const numbers = new Set(before.get(at)?.map(({ rax }) => rax));
      const [number] = numbers;
      if (numbers.size !== 1 || number === undefined) continue;
      this.calls.set(at, number);
      const { count, returns } = callUse(number);
      const general = bits(RAX, ...ARGUMENTS.slice(0, count)) | (returns ? 0 : bits(RSP));
      this.flows.set(at, {
        ...flow,
        reads: { general, vectors: 0 },
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
        if (after.general === before.general && after.vectors === before.vectors) continue;
        this.live.set(at, after);
        changed = true;
      }
    }
  }

  private liveBefore(at: number, atReturn: RegisterBits): RegisterBits {
    const flow = this.flows.get(at);
    if (flow === undefined || flow.leaves === 'anywhere') return ALL;
    const behind = this.union(flow.next);
    const out = flow.leaves === 'return' ? or(behind, atReturn) : behind;
    const aborts = this.ranges.filter(({ start, end }) => start <= at && at < end).map(({ abort }) => abort);
    return or(
      {
        general: (out.general & ~flow.writes.general) | flow.reads.general,
        vectors: (out.vectors & ~flow.writes.vectors) | flow.reads.vectors,
      },
      this.union(aborts),
    );
  }

  private union(places: readonly number[]): RegisterBits {
    return places.reduce<RegisterBits>((sum, at) => or(sum, this.live.get(at) ?? NONE), NONE);
  }
}

const or = (a: RegisterBits, b: RegisterBits): RegisterBits => ({
  general: a.general | b.general,
  vectors: a.vectors | b.vectors,
});

const STATUS = ['cf', 'pf', 'af', 'zf', 'sf', 'of'] as const;

function flowOf({ statements, next }: Meaning, at: number): Flow {
  const reads = { general: 0, vectors: 0 };
  const writes = { general: 0, vectors: 0 };
  const targets = new Set<number>();
  let leaves: Flow['leaves'];
  let site: number | undefined;
  let ends = false;
  // What stands behind a conditional exit may not be done.
  let sure = true;
  let rax: number | undefined;
  let isSystemCall = false;
  for (const statement of statements) {
    for (const e of expressionsOf(statement)) read(e, reads);
    switch (statement.do) {
      case 'set':
        if (statement.width >= 32 && sure) writes.general |= 1 << statement.register;
        else if (statement.width < 32) reads.general |= 1 << statement.register;
        if (statement.register === RAX)
          rax =
            statement.value.op === 'constant' && statement.width >= 32 ? Number(statement.value.value) : -1;
        break;
      case 'set-xmm':
        if (sure) writes.vectors |= 1 << statement.register;
        break;
      case 'flags':
        if (sure && STATUS.every((flag) => statement.flags[flag] !== undefined))
          writes.general |= 1 << FLAGS_BIT;
        break;
      case 'store':
        if (statement.value.op === 'constant' && statement.value.value === next) site = Number(next);
        break;
      case 'jump':
        ends = true;
        if (statement.target.op === 'constant') targets.add(Number(statement.target.value));
        else leaves = isReturn(statements) ? 'return' : 'anywhere';
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
          reads.general |= CALL_READS;
          writes.general |= CALL_WRITES;
        } else if (statement.when === undefined) {
          // A handler may go on behind it.
          ends = true;
          reads.general = ALL.general;
          reads.vectors = ALL.vectors;
        } else sure = false;
        break;
      case 'helper':
      case 'x87':
        reads.general = ALL.general;
        reads.vectors = ALL.vectors;
        break;
      default:
        break;
    }
  }
  // A call is no jump for what comes behind it: that is reached by a return.
  if (!ends) targets.add(Number(next));
  // Registers that are read are read first: memory and operands come before results.
  if (!sure || rax === -1) rax = undefined;
  return { reads, writes, next: [...targets], leaves, site, rax, isSystemCall };
}

/** `ret`: the stack pointer is moved, and no address behind the instruction is stored. */
const isReturn = (statements: readonly Statement[]): boolean =>
  statements.some((each) => each.do === 'set' && each.register === 4) &&
  !statements.some((each) => each.do === 'store');

function read(e: Expression, into: { general: number; vectors: number }): void {
  if (e.op === 'register') into.general |= 1 << e.register;
  else if (e.op === 'flag') into.general |= 1 << FLAGS_BIT;
  else if (e.op === 'xmm') into.vectors |= 1 << e.register;
  for (const part of partsOf(e)) read(part, into);
}
