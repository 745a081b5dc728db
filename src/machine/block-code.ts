import type { Expression, Flag, Statement, Width } from '../isa/meaning.js';
import { coveredAccesses, hasLoad, type Span } from './covered.js';
import { RESULT } from './dispatcher.js';
import { typeOf } from './emitter.js';
import { eagerFlags, isFull, isSelfContained, STATUS } from './flag-use.js';
import { FloatEmitter, usesFloats, vectorsUsed } from './float-code.js';
import { type Region, type RegionBlock, successorsOf } from './region.js';
import { flagOffset, PAGE, STATE, WITH_NEXT } from './state.js';
import { reversePostorder, type Scope, scopesFor } from './structure.js';
import type { FunctionBody } from './wasm/module.js';
import { ARITHMETIC, OP, TYPE, type ValueType } from './wasm/opcodes.js';

type FlagStatement = Extract<Statement, { do: 'flags' }>;

const { STEP, TAIL } = RESULT;

/** rsp and what every instruction may touch are numbers 0..15; flags behind them. */
const REGISTERS = 16;

/**
 * Code for a region as one function. Registers and flags are WebAssembly locals, loaded on the way in and stored on the one way out.
 * Flags that nobody in the region reads are not made: the way out makes them, from the operands of the last statement that set them.
 *
 *   block $out                        every way out jumps to its end
 *     <blocks>                        in scopes that their jumps lead to (structure.ts)
 *   end
 *
 * Where no scopes will do, a dispatcher leads from block to block:
 *
 *     loop $dispatch
 *       block ... block               one for each basic block; control goes to number $block
 *         br_table $block
 *       end  <block 0>  end  <block 1> ...
 */
export function regionFunction(region: Region): FunctionBody {
  return new RegionCode(region).function();
}

/** The blocks with the entry first, and each behind those that lead to it. */
function ordered({ entry, blocks }: Region): RegionBlock[] {
  const first = blocks.findIndex(({ start }) => start === entry);
  const turned = [blocks[first]!, ...blocks.slice(0, first), ...blocks.slice(first + 1)];
  return reversePostorder(successorsOf(turned)).map((number) => turned[number]!);
}

class RegionCode extends FloatEmitter {
  private readonly index: ReadonlyMap<bigint, number>;
  private readonly eager: ReadonlyMap<FlagStatement, ReadonlySet<Flag>>;
  /** Statements whose flags the way out makes, by number (1 and on), with how to make them. */
  private readonly deferred: {
    readonly statement: FlagStatement;
    readonly flags: readonly Flag[];
    readonly locals: Map<number, number>;
  }[] = [];
  private readonly registerLocals: number[] = [];
  private readonly flagLocals = new Map<Flag, number>();
  private readonly written = new Set<number>();
  /** The vector registers that the region names. */
  private readonly xmmLocals: ReadonlyMap<number, number>;
  private readonly rounds: boolean;
  private readonly block: number;
  private readonly rip: number;
  private readonly result: number;
  private readonly flagsFrom: number;
  private readonly budget: number;
  /** The `if`s around the code under way, and the scopes around those: how far out a jump leads. */
  private ifs = 0;
  private open: Scope[] = [];
  private readonly blocks: readonly RegionBlock[];
  private readonly structured: readonly Scope[] | undefined;
  private current!: {
    readonly number: number;
    readonly address: bigint;
    readonly statements: readonly Statement[];
  };

  constructor(private readonly region: Region) {
    super();
    this.blocks = ordered(region);
    this.index = new Map(this.blocks.map(({ start }, number) => [start, number]));
    this.structured = scopesFor(successorsOf(this.blocks));
    this.eager = eagerFlags(region);
    for (let register = 0; register < REGISTERS; register++) this.registerLocals.push(this.local('i64'));
    for (const flag of [...STATUS, 'df' as const]) this.flagLocals.set(flag, this.local('i32'));
    const meanings = region.blocks.flatMap(({ instructions }) => instructions.map((each) => each.meaning));
    this.xmmLocals = new Map([...vectorsUsed(meanings)].map((number) => [number, this.local('v128')]));
    this.rounds = meanings.some(usesFloats);
    this.block = this.local('i32');
    this.rip = this.local('i64');
    this.result = this.local('i32');
    this.flagsFrom = this.local('i32');
    this.budget = this.local('i64');
  }

  function(): FunctionBody {
    const { code } = this;
    this.enter();
    code.byte(OP.block, TYPE.empty);
    if (this.rounds) {
      // Rounding other than the usual is for the steps; no instruction of the region can change it on the way.
      this.mxcsrIsUnusual();
      this.orLeave(this.region.entry, STEP);
    }
    if (this.structured === undefined) this.dispatched();
    else this.nested(this.structured);
    code.byte(OP.end);
    this.wayOut();
    return { locals: this.locals, code: code.bytes };
  }

  private nested(scopes: readonly Scope[]): void {
    const { code } = this;
    for (const [number, block] of this.blocks.entries()) {
      while (this.open.at(-1)?.end === number) {
        this.open.pop();
        code.byte(OP.end);
      }
      for (const scope of scopes.filter(({ start }) => start === number)) {
        this.open.push(scope);
        code.byte(scope.kind === 'loop' ? OP.loop : OP.block, TYPE.empty);
      }
      this.blockCode(number, block);
    }
    for (; this.open.length > 0; this.open.pop()) code.byte(OP.end);
  }

  private dispatched(): void {
    const { code, blocks } = this;
    code.byte(OP.loop, TYPE.empty);
    this.open = [{ kind: 'loop', start: 0, end: 0 }];
    for (const end of [...blocks.keys()].reverse()) {
      this.open.push({ kind: 'block', start: 0, end });
      code.byte(OP.block, TYPE.empty);
    }
    code
      .byte(OP.localGet)
      .u32(this.block)
      .byte(OP.brTable)
      .u32(blocks.length - 1);
    for (const number of blocks.keys()) code.u32(number);
    for (const [number, block] of blocks.entries()) {
      this.open.pop();
      code.byte(OP.end);
      this.blockCode(number, block);
    }
    this.open.pop();
    code.byte(OP.end);
  }

  /** To a block of the region: falls into the one that stands next. False where nothing leads there: a call to the region's own entry. */
  private jump(number: number): boolean {
    const { code } = this;
    if (this.structured === undefined) {
      this.i32(number);
      code
        .byte(OP.localSet)
        .u32(this.block)
        .byte(OP.br)
        .u32(this.ifs + this.open.length - 1);
      return true;
    }
    if (number === this.current.number + 1 && this.ifs === 0) return true;
    const position = this.open.findLastIndex((scope) =>
      number > this.current.number
        ? scope.kind === 'block' && scope.end === number
        : scope.kind === 'loop' && scope.start === number,
    );
    if (position === -1) return false;
    code.byte(OP.br).u32(this.ifs + this.open.length - 1 - position);
    return true;
  }

  private enter(): void {
    const { code } = this;
    for (const [register, local] of this.registerLocals.entries()) {
      this.stateLoad(OP.i64Load, STATE.registers + 8 * register);
      code.byte(OP.localSet).u32(local);
    }
    for (const [flag, local] of this.flagLocals) {
      this.stateLoad(OP.i32Load8u, flagOffset(flag));
      code.byte(OP.localSet).u32(local);
    }
    for (const [register, local] of this.xmmLocals) {
      this.i32(0);
      this.simd('v128.load', 0);
      code
        .u32(STATE.xmm + 16 * register)
        .byte(OP.localSet)
        .u32(local);
    }
    this.stateLoad(OP.i64Load, STATE.budget);
    code.byte(OP.localSet).u32(this.budget);
    this.i32(this.index.get(this.region.entry)!);
    code.byte(OP.localSet).u32(this.block);
  }

  private wayOut(): void {
    const { code } = this;
    // Label 0 is "nothing deferred"; the others make their flags and fall out of the same block.
    code.byte(OP.block, TYPE.empty);
    for (const _ of this.deferred) code.byte(OP.block, TYPE.empty);
    code
      .byte(OP.localGet)
      .u32(this.flagsFrom)
      .byte(OP.brTable)
      .u32(this.deferred.length + 1);
    for (const label of [this.deferred.length, ...this.deferred.keys(), this.deferred.length])
      code.u32(label);
    for (const [number, { statement, flags, locals }] of this.deferred.entries()) {
      code.byte(OP.end);
      for (const [id, local] of locals) this.temporaries.set(id, local);
      for (const flag of flags) {
        this.expression(statement.flags[flag]!);
        code.byte(OP.localSet).u32(this.flagLocals.get(flag)!);
      }
      code.byte(OP.br).u32(this.deferred.length - 1 - number);
    }
    code.byte(OP.end);
    for (const register of this.written) {
      this.stateStore(OP.i64Store, STATE.registers + 8 * register, () =>
        code.byte(OP.localGet).u32(this.registerLocals[register]!),
      );
    }
    for (const [register, local] of this.xmmLocals) {
      this.i32(0);
      code.byte(OP.localGet).u32(local);
      this.simd('v128.store', 0);
      code.u32(STATE.xmm + 16 * register);
    }
    for (const [flag, local] of this.flagLocals)
      this.stateStore(OP.i32Store8, flagOffset(flag), () => code.byte(OP.localGet).u32(local));
    this.stateStore(OP.i64Store, STATE.rip, () => code.byte(OP.localGet).u32(this.rip));
    this.stateStore(OP.i64Store, STATE.budget, () => code.byte(OP.localGet).u32(this.budget));
    code.byte(OP.localGet).u32(this.result);
  }

  private blockCode(number: number, { start, instructions }: RegionBlock): void {
    const { code } = this;
    const length = BigInt(instructions.length);
    this.current = { number, address: start, statements: [] };
    // A block runs whole or not at all: an interruption comes exactly where it was asked for.
    code.byte(OP.localGet).u32(this.budget);
    this.i64(length);
    code.byte(ARITHMETIC.lts[1]);
    this.orLeave(start, TAIL);
    const { spans, covered } = coveredAccesses({ start, instructions });
    this.covered = covered;
    for (const span of spans) this.checkSpan(span, start);
    code.byte(OP.localGet).u32(this.budget);
    this.i64(length);
    code.byte(ARITHMETIC.sub[1], OP.localSet).u32(this.budget);
    for (const [position, { address, meaning }] of instructions.entries()) {
      this.current = { number, address, statements: meaning.statements };
      this.left = length - BigInt(position);
      this.temporaries.clear();
      for (const statement of meaning.statements) this.statement(statement, meaning.next);
    }
    const last = instructions.at(-1)!.meaning;
    const ends = last.statements.some(
      ({ do: what, ...rest }) => what === 'jump' || (what === 'trap' && !('when' in rest)),
    );
    if (!ends) this.leave(() => this.i64(last.next), 0, last.next);
  }

  /** Leaves the region in front of a block if the number on the stack is not 0. */
  private orLeave(start: bigint, result: number): void {
    this.code.byte(OP.if, TYPE.empty);
    this.ifs++;
    this.goOut(() => this.i64(start), result);
    this.ifs--;
    this.code.byte(OP.end);
  }

  /** A span is at most a page long: one page that allows it, with the next one, is enough; else its first and last byte are asked. */
  private checkSpan({ register, low, high, wanted }: Span, start: bigint): void {
    const { code } = this;
    const at = this.scratch('span', 'i64');
    const place = (offset: number): void => {
      code.byte(OP.localGet).u32(this.registerLocals[register]!);
      if (offset !== 0) {
        this.i64(BigInt(offset));
        code.byte(ARITHMETIC.add[1]);
      }
      code.byte(OP.localSet).u32(at);
    };
    place(low);
    this.pageLacks(at, wanted << WITH_NEXT);
    code.byte(OP.if, TYPE.empty);
    this.ifs++;
    this.pageLacks(at, wanted);
    place(high - 1);
    this.pageLacks(at, wanted);
    code.byte(ARITHMETIC.or[0]);
    this.orLeave(start, STEP);
    this.ifs--;
    code.byte(OP.end);
  }

  /** Addresses of accesses that the check at the beginning of the block stands for. */
  private covered: ReadonlySet<Expression> = new Set();

  /** Instructions of the block that are not done where the current one has not begun. */
  private left = 0n;

  private goOut(to: () => void, result: number): void {
    const { code } = this;
    to();
    code.byte(OP.localSet).u32(this.rip);
    this.i32(result);
    code.byte(OP.localSet).u32(this.result);
    // `$out` is outside of all scopes.
    code.byte(OP.br).u32(this.ifs + this.open.length);
  }

  protected override statement(statement: Statement, next: bigint): void {
    const { code } = this;
    if (statement.do === 'jump' && statement.target.op === 'constant') {
      this.leave(() => this.expression(statement.target), 0, statement.target.value);
      return;
    }
    if (statement.do === 'branch' || statement.do === 'repeat') {
      this.expression(statement.condition);
      code.byte(OP.if, TYPE.empty);
      this.ifs++;
      const target = statement.do === 'branch' ? statement.target : this.current.address;
      this.leave(() => this.i64(target), 0, target);
      this.ifs--;
      code.byte(OP.end);
      return;
    }
    if (statement.do === 'trap' || statement.do === 'helper') {
      // Kernel and helpers work on the registers in memory: the step function does this instruction.
      if (statement.do === 'trap' && statement.when !== undefined) {
        this.expression(statement.when);
        code.byte(OP.if, TYPE.empty);
        this.ifs++;
        this.again();
        this.ifs--;
        code.byte(OP.end);
      } else this.again();
      return;
    }
    super.statement(statement, next);
  }

  protected override ifTrue(body: () => void): void {
    this.ifs++;
    super.ifTrue(body);
    this.ifs--;
  }

  /** To a block of the region, or out. */
  protected override leave(to: () => void, result: number, target?: bigint): void {
    const number = target === undefined ? undefined : this.index.get(target);
    if (number === undefined || result !== 0 || !this.jump(number)) this.goOut(to, result);
  }

  protected override stayFor(): void {
    this.again();
  }

  /** Out, so that the current instruction is done by itself. */
  private again(): void {
    const { code } = this;
    code.byte(OP.localGet).u32(this.budget);
    this.i64(this.left);
    code.byte(ARITHMETIC.add[1], OP.localSet).u32(this.budget);
    const { address } = this.current;
    this.goOut(() => this.i64(address), STEP);
  }

  protected override readRegister(register: number, width: Width, high: boolean): void {
    const { code } = this;
    code.byte(OP.localGet).u32(this.registerLocals[register]!);
    if (width === 64) return;
    code.byte(OP.i32WrapI64);
    if (high) {
      this.i32(8);
      code.byte(ARITHMETIC.shr[0]);
    }
    if (width < 32) {
      this.i32(width === 8 ? 0xff : 0xffff);
      code.byte(ARITHMETIC.and[0]);
    }
  }

  protected override writeRegister(register: number, width: Width, high: boolean, value: () => void): void {
    const { code } = this;
    const local = this.registerLocals[register]!;
    this.written.add(register);
    if (width < 32) {
      const shift = high ? 8n : 0n;
      code.byte(OP.localGet).u32(local);
      this.i64(~(((1n << BigInt(width)) - 1n) << shift));
      code.byte(ARITHMETIC.and[1]);
      value();
      code.byte(OP.i64ExtendI32u);
      if (high) {
        this.i64(8n);
        code.byte(ARITHMETIC.shl[1]);
      }
      code.byte(ARITHMETIC.or[1]);
    } else {
      value();
      if (width === 32) code.byte(OP.i64ExtendI32u);
    }
    code.byte(OP.localSet).u32(local);
  }

  protected override readXmm(register: number): void {
    this.code.byte(OP.localGet).u32(this.xmmLocals.get(register)!);
  }

  protected override writeXmm(register: number, value: () => void): void {
    value();
    this.code.byte(OP.localSet).u32(this.xmmLocals.get(register)!);
  }

  protected override readFlag(flag: Flag): void {
    this.code.byte(OP.localGet).u32(this.flagLocals.get(flag)!);
  }

  protected override writeFlags(flags: Readonly<Partial<Record<Flag, Expression>>>): void {
    const { code } = this;
    const statement = [...this.eager.keys()].find((each) => each.flags === flags);
    const full = statement !== undefined && isFull(statement) && isSelfContained(statement);
    const names = Object.keys(flags) as Flag[];
    const now = full ? names.filter((flag) => this.eager.get(statement)!.has(flag) || flag === 'df') : names;
    for (const flag of now) this.expression(flags[flag]!);
    for (const flag of [...now].reverse()) code.byte(OP.localSet).u32(this.flagLocals.get(flag)!);
    const later = names.filter((flag) => !now.includes(flag));
    if (later.length > 0)
      this.deferred.push({ statement: statement!, flags: later, locals: this.keptNames() });
    if (!STATUS.some((flag) => names.includes(flag))) return;
    this.i32(later.length > 0 ? this.deferred.length : 0);
    code.byte(OP.localSet).u32(this.flagsFrom);
  }

  /**
   * Where the named values are that flags are made from later. An instruction that may stop between naming its values and setting its flags
   * names them anew when it comes round again, and then the flags of the round before are still to be made: it keeps copies.
   */
  private keptNames(): Map<number, number> {
    if (!mayStopMidway(this.current.statements)) return new Map(this.temporaries);
    const copies = new Map<number, number>();
    for (const [id, local] of this.temporaries) {
      const copy = this.local(this.locals[local]!);
      this.code.byte(OP.localGet).u32(local).byte(OP.localSet).u32(copy);
      copies.set(id, copy);
    }
    return copies;
  }

  protected override load(width: Width, address: Expression, as: ValueType = typeOf(width)): void {
    const { code } = this;
    const at = this.addressLocal(address, 'load');
    if (!this.covered.has(address)) this.orAgain(at, width / 8, PAGE.READ);
    code.byte(OP.localGet).u32(at).byte(OP.i32WrapI64);
    this.plainLoad(width, as);
  }

  protected override store(width: Width, address: Expression, value: Expression): void {
    const { code } = this;
    const type = this.stored(value);
    const what = this.scratch('value', type);
    code.byte(OP.localSet).u32(what);
    const at = this.addressLocal(address, 'store');
    if (!this.covered.has(address)) this.orAgain(at, width / 8, PAGE.WRITE);
    code.byte(OP.localGet).u32(at).byte(OP.i32WrapI64, OP.localGet).u32(what);
    this.plainStore(width, type);
  }

  /** First whether the page and the next one allow it, which is one question less; else exactly. */
  private orAgain(at: number, bytes: number, wanted: number): void {
    const { code } = this;
    this.pageLacks(at, bytes > 1 ? wanted << WITH_NEXT : wanted);
    code.byte(OP.if, TYPE.empty);
    this.ifs++;
    if (bytes > 1) {
      this.needsSlowPath(at, bytes, wanted);
      code.byte(OP.if, TYPE.empty);
      this.ifs++;
    }
    this.again();
    if (bytes > 1) {
      this.ifs--;
      code.byte(OP.end);
    }
    this.ifs--;
    code.byte(OP.end);
  }
}

/** Is there an access, or another reason to stop, behind a value that is named? */
function mayStopMidway(statements: readonly Statement[]): boolean {
  let named = false;
  for (const statement of statements) {
    if (named && (['store', 'trap', 'helper', 'x87'].includes(statement.do) || hasLoad(statement)))
      return true;
    named ||= statement.do === 'let';
  }
  return false;
}
