import { and, binary, constant, eq, ne, nonZero, or, register } from '../isa/expressions.js';
import type { Expression, Statement, Width } from '../isa/meaning.js';
import { eachIn } from '../isa/walk.js';
import { RAX, RDX } from '../isa/x86-64/registers.js';
import { coveredAccesses, type Span } from './covered.js';
import { RESULT } from './dispatcher.js';
import { typeOf } from './emitter.js';
import { usesFloats, vectorsUsed } from './float-code.js';
import type { Fold } from './fold.js';
import { isReturn, type Region, type RegionBlock } from './region.js';
import { FlagEmitter } from './region-flags.js';
import { PAGE, registerOffset, STATE, vectorOffset, WITH_NEXT } from './state.js';
import type { FunctionBody } from './wasm/module.js';
import { ARITHMETIC, OP, type ValueType } from './wasm/opcodes.js';

const { STEP, TAIL } = RESULT;

/** x86-64 has numbers 0..15; AArch64 the others too. */
const [FEW, ALL] = [16, 32];

/** Code for a region as one function. Registers and flags are WebAssembly locals, loaded on the way in and stored on the one way out. */
export function regionFunction(region: Region, fold?: Fold): FunctionBody {
  return new RegionCode(region, fold).function();
}

class RegionCode extends FlagEmitter {
  private readonly registerLocals: readonly number[];
  /** The general registers that the region names. */
  private readonly general: ReadonlySet<number>;
  private readonly written = new Set<number>();
  /** The vector registers that the region names. */
  private readonly xmmLocals: ReadonlyMap<number, number>;
  private readonly rounds: boolean;
  private readonly rip = this.local('i64');
  private readonly result = this.local('i32');
  private readonly budget = this.local('i64');
  /** The instruction under way. */
  private address = 0n;
  private isReturn = false;
  /** Instructions of the block that are not done where the current one has not begun. */
  private left = 0n;
  /** Addresses of accesses that the check at the beginning of the block stands for. */
  private covered: ReadonlySet<Expression> = new Set();

  constructor(region: Region, fold: Fold | undefined) {
    super(region, fold);
    const meanings = region.blocks.flatMap(({ instructions }) => instructions.map((each) => each.meaning));
    this.general = registersNamed(region);
    const registers = [...this.general].some((number) => number >= FEW) ? ALL : FEW;
    this.registerLocals = Array.from({ length: registers }, () => this.local('i64'));
    this.xmmLocals = new Map([...vectorsUsed(meanings)].map((number) => [number, this.local('v128')]));
    this.rounds = meanings.some(usesFloats);
  }

  function(): FunctionBody {
    this.enter();
    this.flow();
    this.wayOut();
    return { locals: this.locals, code: this.code.bytes };
  }

  private enter(): void {
    const { code } = this;
    for (const register of this.general) {
      this.stateLoad(OP.i64Load, registerOffset(register));
      code.byte(OP.localSet).u32(this.registerLocals[register]!);
    }
    this.loadFlags();
    for (const [register, local] of this.xmmLocals) {
      this.i32(0);
      this.simd('v128.load', 0);
      code.u32(vectorOffset(register)).byte(OP.localSet).u32(local);
    }
    this.stateLoad(OP.i64Load, STATE.budget);
    code.byte(OP.localSet).u32(this.budget);
  }

  private wayOut(): void {
    const { code } = this;
    this.storeFlags();
    for (const register of this.written) {
      this.stateStore(OP.i64Store, registerOffset(register), () =>
        code.byte(OP.localGet).u32(this.registerLocals[register]!),
      );
    }
    for (const [register, local] of this.xmmLocals) {
      this.i32(0);
      code.byte(OP.localGet).u32(local);
      this.simd('v128.store', 0);
      code.u32(vectorOffset(register));
    }
    this.stateStore(OP.i64Store, STATE.rip, () => code.byte(OP.localGet).u32(this.rip));
    this.stateStore(OP.i64Store, STATE.budget, () => code.byte(OP.localGet).u32(this.budget));
    code.byte(OP.localGet).u32(this.result);
  }

  protected override beforeBlocks(): void {
    if (!this.rounds) return;
    // Rounding other than the usual is for the steps; no instruction of the region can change it on the way.
    this.mxcsrIsUnusual();
    this.ifTrue(() => this.goOut(() => this.i64(this.region.entry), STEP));
  }

  protected override blockCode({ start, instructions }: RegionBlock): void {
    const { code } = this;
    const length = BigInt(instructions.length);
    this.flagsFromBefore();
    // A block runs whole or not at all: an interruption comes exactly where it was asked for.
    code.byte(OP.localGet).u32(this.budget);
    this.i64(length);
    code.byte(ARITHMETIC.lts[1]);
    this.ifTrue(() => this.goOut(() => this.i64(start), TAIL));
    const { spans, covered } = coveredAccesses({ start, instructions });
    this.covered = covered;
    for (const span of spans) this.checkSpan(span, start);
    code.byte(OP.localGet).u32(this.budget);
    this.i64(length);
    code.byte(ARITHMETIC.sub[1], OP.localSet).u32(this.budget);
    for (const [position, { address, meaning }] of instructions.entries()) {
      this.address = address;
      this.statements = meaning.statements;
      this.isReturn = isReturn(meaning);
      this.left = length - BigInt(position);
      this.temporaries.clear();
      this.forgetNames();
      for (const statement of meaning.statements) this.statement(statement, meaning.next);
    }
    const last = instructions.at(-1)!.meaning;
    const ends = last.statements.some(
      ({ do: what, ...rest }) => what === 'jump' || (what === 'trap' && !('when' in rest)),
    );
    if (!ends) this.leave(() => this.i64(last.next), 0, last.next);
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
    this.ifTrue(() => {
      this.pageLacks(at, wanted);
      place(high - 1);
      this.pageLacks(at, wanted);
      code.byte(ARITHMETIC.or[0]);
      if (this.fold !== undefined) {
        // From one block into the next: the two pages are not together in memory.
        this.upperHalf(at);
        place(low);
        this.upperHalf(at);
        code.byte(ARITHMETIC.xor[0], ARITHMETIC.or[0]);
      }
      this.ifTrue(() => this.goOut(() => this.i64(start), STEP));
    });
  }

  /** Leaves the region with control at `to`. */
  private goOut(to: () => void, result: number): void {
    const { code } = this;
    to();
    code.byte(OP.localSet).u32(this.rip);
    this.i32(result);
    code.byte(OP.localSet).u32(this.result);
    this.jumpOut();
  }

  protected override statement(statement: Statement, next: bigint): void {
    switch (statement.do) {
      case 'jump':
        this.jumpTo(statement.target);
        return;
      case 'branch':
      case 'repeat': {
        const target = statement.do === 'branch' ? statement.target : this.address;
        this.expression(statement.condition);
        this.ifTrue(() => this.leave(() => this.i64(target), 0, target));
        return;
      }
      // Kernel and helpers work on the registers in memory: the step function does this instruction.
      case 'helper':
        if (statement.name === 'div' || statement.name === 'idiv')
          this.easyDivision(statement.name === 'idiv', statement.operands[0]!);
        else if (statement.when === undefined) this.again();
        else {
          this.expression(statement.when);
          this.ifTrue(() => this.again());
        }
        return;
      case 'trap':
        if (statement.when === undefined) this.again();
        else {
          this.expression(statement.when);
          this.ifTrue(() => this.again());
        }
        return;
      default:
        super.statement(statement, next);
    }
  }

  private jumpTo(target: Expression): void {
    if (target.op !== 'constant' && this.isReturn)
      // To where the region itself called from?
      for (const each of this.region.returns ?? []) {
        this.expression(eq(target, constant(64, each)));
        this.ifTrue(() => this.leave(() => this.i64(each), 0, each));
      }
    this.leave(() => this.expression(target), 0, target.op === 'constant' ? target.value : undefined);
  }

  /** rdx:rax by 64 bits, which are not 0: most often the dividend is no longer than those, else it is for the helper. */
  private easyDivision(signed: boolean, divisor: Expression): void {
    const [low, high] = [register(64, RAX), register(64, RDX)];
    const sign = binary('sar', low, constant(64, 63));
    const smallest = eq(low, constant(64, 1n << 63n));
    this.expression(
      signed ? or(ne(high, sign), and(smallest, eq(divisor, constant(64, -1)))) : nonZero(high),
    );
    this.ifTrue(() => this.again());
    const parts = [
      binary(signed ? 'divs' : 'divu', low, divisor),
      binary(signed ? 'rems' : 'remu', low, divisor),
    ];
    const locals = parts.map((part) => {
      this.expression(part);
      const local = this.named('i64');
      this.code.byte(OP.localSet).u32(local);
      return local;
    });
    for (const [number, to] of [RAX, RDX].entries())
      this.writeRegister(to, 64, false, () => this.code.byte(OP.localGet).u32(locals[number]!));
  }

  /** To a block of the region, or out. */
  protected override leave(to: () => void, result: number, target?: bigint): void {
    if (target === undefined || result !== 0 || !this.jump(target)) this.goOut(to, result);
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
    const { address } = this;
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

  protected override load(width: Width, address: Expression, as: ValueType = typeOf(width)): void {
    const at = this.addressLocal(address, 'load');
    if (!this.covered.has(address)) this.orAgain(at, width / 8, PAGE.READ);
    this.place(at);
    this.plainLoad(width, as);
  }

  protected override store(width: Width, address: Expression, value: Expression): void {
    const { code } = this;
    const type = this.stored(value);
    const what = this.scratch('value', type);
    code.byte(OP.localSet).u32(what);
    const at = this.addressLocal(address, 'store');
    if (!this.covered.has(address)) this.orAgain(at, width / 8, PAGE.WRITE);
    this.place(at);
    code.byte(OP.localGet).u32(what);
    this.plainStore(width, type);
  }

  /** First whether the page and the next one allow it, which is one question less; else exactly. */
  private orAgain(at: number, bytes: number, wanted: number): void {
    this.pageLacks(at, bytes > 1 ? wanted << WITH_NEXT : wanted);
    this.ifTrue(() => {
      if (bytes === 1) this.again();
      else {
        this.needsSlowPath(at, bytes, wanted);
        this.ifTrue(() => this.again());
      }
    });
  }
}

/** General registers that a region reads or writes. */
function registersNamed({ blocks }: Region): ReadonlySet<number> {
  const found = new Set<number>();
  for (const { instructions } of blocks)
    for (const { meaning } of instructions)
      for (const statement of meaning.statements) {
        if (statement.do === 'set') found.add(statement.register);
        if (statement.do === 'helper') found.add(RAX).add(RDX);
        eachIn(statement, (e) => {
          if (e.op === 'register') found.add(e.register);
        });
      }
  return found;
}
