import type { Flag, Statement } from '../isa/meaning.js';
import { someIn } from '../isa/walk.js';
import type { FlagStatement } from './emitter.js';
import { isSelfContained } from './evaluate.js';
import { type FlagUse, flagUses, namesIn, STATUS, statusOf } from './flag-use.js';
import type { Fold } from './fold.js';
import type { Region } from './region.js';
import { FlowEmitter } from './region-flow.js';
import { flagOffset } from './state.js';
import { ARITHMETIC, OP, TYPE, type ValueType } from './wasm/opcodes.js';

/** A statement whose flags, or some of them, the way out makes. */
interface Layer {
  readonly statement: FlagStatement;
  readonly flags: readonly Flag[];
  /** How its values are made again: from values that are kept, by statements that name others. */
  readonly kept: ReadonlyMap<number, number>;
  readonly lets: readonly Extract<Statement, { do: 'let' }>[];
}

/**
 * Flags in a region. Those that nobody reads are not made: the way out makes them, from the values of the statement that set them last. These
 * are kept in a few locals that all statements share, and `from` says whose they are: the number of some layers, 0 where the flags are
 * in their own locals. `over` is the same for a statement that sets some flags over those of `from`.
 */
export abstract class FlagEmitter extends FlowEmitter {
  private readonly uses: ReadonlyMap<FlagStatement, FlagUse>;
  private readonly flagLocals = new Map<Flag, number>();
  private readonly from = this.local('i32');
  private readonly over = this.local('i32');
  private readonly states: (readonly Layer[])[] = [];
  private readonly overs: Layer[] = [];
  private readonly hasOvers: boolean;
  /** Flags that the region must know as they were before it. */
  private readonly loaded: ReadonlySet<Flag>;
  /** Where flags come from at this point of the block; undefined: from before it. */
  private layers: readonly Layer[] | undefined;
  /** The statements of the instruction under way. */
  protected statements: readonly Statement[] = [];

  constructor(region: Region, fold: Fold | undefined) {
    super(region, fold);
    const { uses, before } = flagUses(region);
    this.uses = uses;
    const all = [...uses.values()];
    this.hasOvers = all.some(({ how }) => how === 'over');
    // Statements that set only some leave the others, which are then stored with them.
    const some = this.hasOvers || all.some(({ how }) => how === 'now') || before.size > 0;
    this.loaded = new Set<Flag>([
      ...(some ? STATUS : []),
      ...(namesDirection(region) ? ['df' as const] : []),
    ]);
    for (const flag of [...STATUS, 'df' as const]) this.flagLocals.set(flag, this.local('i32'));
  }

  protected loadFlags(): void {
    for (const flag of this.loaded) {
      this.stateLoad(OP.i32Load8u, flagOffset(flag));
      this.code.byte(OP.localSet).u32(this.flagLocals.get(flag)!);
    }
    this.setLocal(this.from, UNTOUCHED);
  }

  protected storeFlags(): void {
    const { code } = this;
    const store = (flag: Flag): void =>
      this.stateStore(OP.i32Store8, flagOffset(flag), () =>
        code.byte(OP.localGet).u32(this.flagLocals.get(flag)!),
      );
    this.makeOneOf(this.from, this.states);
    if (this.hasOvers)
      this.makeOneOf(
        this.over,
        this.overs.map((layer) => [layer]),
      );
    // Where all of them are loaded, they are what they were or better.
    const always = this.loaded.has('cf');
    if (!always) {
      code.byte(OP.localGet).u32(this.from);
      this.i32(UNTOUCHED);
      code.byte(ARITHMETIC.ne[0], OP.if, TYPE.empty);
    }
    for (const flag of STATUS) store(flag);
    if (!always) code.byte(OP.end);
    if (this.loaded.has('df')) store('df');
  }

  protected flagsFromBefore(): void {
    this.layers = undefined;
  }

  protected override readFlag(flag: Flag): void {
    this.code.byte(OP.localGet).u32(this.flagLocals.get(flag)!);
  }

  protected override writeFlags(statement: FlagStatement): void {
    const { how, eager } = this.uses.get(statement)!;
    const names = Object.keys(statement.flags) as Flag[];
    const now = how === 'now' ? names : names.filter((flag) => eager.has(flag));
    this.makeFlags(statement, now);
    const set = statusOf(statement);
    if (set.length === 0) return;
    if (how === 'over') {
      // On the way out the flags below are made first, and maybe in the same locals: all of this statement's are made again then.
      this.overs.push(this.keep(statement, set, []));
      this.setLocal(this.over, this.overs.length);
      return;
    }
    const later = set.filter((flag) => !now.includes(flag));
    const below = how === 'layer' ? without(this.layers!, set) : [];
    this.layers = later.length > 0 ? [...below, this.keep(statement, later, below)] : below;
    if (this.layers.length > 0) this.states.push(this.layers);
    this.setLocal(this.from, this.layers.length > 0 ? this.states.length : 0);
    if (this.hasOvers) this.setLocal(this.over, 0);
  }

  private makeFlags({ flags }: FlagStatement, names: readonly Flag[]): void {
    for (const flag of names) this.expression(flags[flag]!);
    for (const flag of [...names].reverse()) this.code.byte(OP.localSet).u32(this.flagLocals.get(flag)!);
  }

  private setLocal(local: number, value: number): void {
    this.i32(value);
    this.code.byte(OP.localSet).u32(local);
  }

  /** Copies what flags are made of to where the way out finds it. Values that follow from others are made anew there. */
  private keep(statement: FlagStatement, flags: readonly Flag[], below: readonly Layer[]): Layer {
    const lets = new Map(this.statements.flatMap((each) => (each.do === 'let' ? [[each.id, each]] : [])));
    const derived = new Map<number, Extract<Statement, { do: 'let' }>>();
    const leaves = new Set<number>();
    const visit = (id: number): void => {
      const made = lets.get(id)!;
      if (!isSelfContained(made.value)) {
        leaves.add(id);
        return;
      }
      if (derived.has(id)) return;
      derived.set(id, made);
      for (const each of namesIn([made.value])) visit(each);
    };
    for (const id of namesIn(flags.map((flag) => statement.flags[flag]!))) visit(id);
    const bank = below.length === 0 && this.uses.get(statement)!.how === 'over' ? 'over' : 'from';
    const taken = new Set(below.flatMap(({ kept }) => [...kept.values()]));
    const kept = new Map<number, number>();
    for (const id of leaves) {
      const local = this.temporaries.get(id)!;
      const copy = this.freeCopy(bank, this.locals[local]!, taken);
      taken.add(copy);
      kept.set(id, copy);
      this.code.byte(OP.localGet).u32(local).byte(OP.localSet).u32(copy);
    }
    return { statement, flags, kept, lets: [...derived.values()].sort((a, b) => a.id - b.id) };
  }

  private freeCopy(bank: string, type: ValueType, taken: ReadonlySet<number>): number {
    for (let number = 0; ; number++) {
      const local = this.scratch(`flags ${bank} ${number}`, type);
      if (!taken.has(local)) return local;
    }
  }

  /** Makes the flags of the layers with a number: label 0 is the first's; behind all of them: nothing to make. */
  private makeOneOf(which: number, states: readonly (readonly Layer[])[]): void {
    const { code } = this;
    for (let n = 0; n <= states.length; n++) code.byte(OP.block, TYPE.empty);
    code
      .byte(OP.localGet)
      .u32(which)
      .byte(OP.brTable)
      .u32(states.length + 1);
    for (const label of [states.length, ...states.keys(), states.length]) code.u32(label);
    for (const [number, layers] of states.entries()) {
      code.byte(OP.end);
      for (const { statement, flags, kept, lets } of layers) {
        this.temporaries.clear();
        this.forgetNames();
        for (const [id, local] of kept) this.temporaries.set(id, local);
        for (const each of lets) this.statement(each, 0n);
        this.makeFlags(statement, flags);
      }
      code.byte(OP.br).u32(states.length - 1 - number);
    }
    code.byte(OP.end);
  }
}

/** `from`, as long as no statement has set flags. */
const UNTOUCHED = -1;

/** Does the region read or write the direction flag? */
const namesDirection = ({ blocks }: Region): boolean =>
  blocks.some(({ instructions }) =>
    instructions.some(({ meaning }) =>
      meaning.statements.some(
        (each) =>
          (each.do === 'flags' && each.flags.df !== undefined) ||
          someIn(each, (e) => e.op === 'flag' && e.flag === 'df'),
      ),
    ),
  );

/** Layers without the flags that a statement on top of them sets. */
const without = (layers: readonly Layer[], set: readonly Flag[]): Layer[] =>
  layers
    .map((layer) => ({ ...layer, flags: layer.flags.filter((flag) => !set.includes(flag)) }))
    .filter(({ flags }) => flags.length > 0);
