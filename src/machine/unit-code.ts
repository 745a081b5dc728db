import type { Meaning, Statement } from '../isa/meaning.js';
import { usesFloats } from './float-code.js';
import type { Fold } from './fold.js';
import type { CodedInstruction } from './region.js';
import { STATE } from './state.js';
import { StepCode } from './step-code.js';
import type { FunctionBody } from './wasm/module.js';
import { ARITHMETIC, OP, TYPE } from './wasm/opcodes.js';

/**
 * Code for some instructions in ascending order of address, as one function that can begin at any of them and stop behind any of them.
 * Registers, flags, rip and budget are in memory whenever an instruction has been done, so a fault in the next one finds them right.
 *
 *   loop
 *     block ... block           one for each instruction
 *       br_table <number>
 *     end  <instruction 0>  end  <instruction 1> ...
 *
 * A jump to one of its own instructions goes there only in exact mode; else it returns, so that a region may take over.
 */
export function unitFunction(instructions: readonly CodedInstruction[], fold?: Fold): FunctionBody {
  return new UnitCode(instructions, fold).unit();
}

class UnitCode extends StepCode {
  private readonly numbers: ReadonlyMap<bigint, number>;
  private readonly number: number;
  private readonly budget: number;
  private readonly exact: number;
  private current = 0;
  /** The `if`s around the code under way. */
  private ifs = 0;

  constructor(
    private readonly instructions: readonly CodedInstruction[],
    fold: Fold | undefined,
  ) {
    super(fold);
    this.numbers = new Map(instructions.map(({ address }, number) => [address, number]));
    this.number = this.local('i32');
    this.budget = this.local('i32');
    this.exact = this.local('i32');
  }

  unit(): FunctionBody {
    const { code, instructions } = this;
    for (const [local, offset] of [
      [this.number, STATE.entry],
      [this.budget, STATE.budget],
      [this.exact, STATE.exact],
    ] as const) {
      this.stateLoad(OP.i32Load, offset);
      code.byte(OP.localSet).u32(local);
    }
    code.byte(OP.loop, TYPE.empty);
    for (const _ of instructions) code.byte(OP.block, TYPE.empty);
    code.byte(OP.localGet).u32(this.number).byte(OP.brTable).u32(instructions.length);
    for (const number of instructions.keys()) code.u32(number);
    code.u32(instructions.length - 1);
    for (const [number, { meaning }] of instructions.entries()) {
      this.current = number;
      code.byte(OP.end);
      if (usesFloats(meaning)) {
        this.mxcsrIsUnusual();
        code.byte(OP.if, TYPE.empty);
        this.ifs++;
        this.soft = true;
        this.whole(meaning);
        this.soft = false;
        this.ifs--;
        code.byte(OP.end);
      }
      this.whole(meaning);
    }
    code.byte(OP.end, OP.unreachable);
    return { locals: this.locals, code: code.bytes };
  }

  private whole(meaning: Meaning): void {
    this.temporaries.clear();
    this.forgetNames();
    for (const statement of meaning.statements) this.statement(statement, meaning.next);
    if (!this.ends(meaning)) this.done(() => this.i64(meaning.next), this.numbers.get(meaning.next));
  }

  /** Does it never fall out of its code? */
  private ends({ statements }: Meaning): boolean {
    const last = statements.at(-1);
    return last?.do === 'jump' || (last?.do === 'trap' && last.when === undefined);
  }

  /** The instruction is done: control is at `to`, which is number `at` of this unit. */
  private done(to: () => void, at: number | undefined): void {
    const { code } = this;
    this.setRip(to);
    this.countDown();
    if (at === undefined) {
      this.i32(0);
      code.byte(OP.return);
      return;
    }
    code.byte(OP.localGet).u32(this.budget).byte(ARITHMETIC.eqz[0]);
    const falls = at === this.current + 1 && this.ifs === 0;
    const round = at === this.current;
    if (!falls && !round) code.byte(OP.localGet).u32(this.exact).byte(ARITHMETIC.eqz[0], ARITHMETIC.or[0]);
    code.byte(OP.if, TYPE.empty);
    this.i32(0);
    code.byte(OP.return, OP.end);
    if (falls) return;
    this.i32(at);
    // The loop is outside of the blocks of all instructions behind this one.
    code
      .byte(OP.localSet)
      .u32(this.number)
      .byte(OP.br)
      .u32(this.ifs + this.instructions.length - 1 - this.current);
  }

  private countDown(): void {
    const { code } = this;
    this.stateStore(OP.i32Store, STATE.budget, () => {
      code.byte(OP.localGet).u32(this.budget);
      this.i32(1);
      code.byte(ARITHMETIC.sub[0], OP.localTee).u32(this.budget);
    });
  }

  protected override statement(statement: Statement, next: bigint): void {
    const { code } = this;
    if (statement.do === 'jump') {
      const { target } = statement;
      const at = target.op === 'constant' ? this.numbers.get(target.value) : undefined;
      this.done(() => this.expression(target), at);
    } else if (statement.do === 'branch' || statement.do === 'repeat') {
      this.expression(statement.condition);
      code.byte(OP.if, TYPE.empty);
      this.ifs++;
      const to = statement.do === 'branch' ? statement.target : this.instructions[this.current]!.address;
      this.done(() => this.i64(to), this.numbers.get(to));
      this.ifs--;
      code.byte(OP.end);
    } else super.statement(statement, next);
  }

  /** Where the step function returns: a trap, before the instruction or behind it. It counts. */
  protected override stayFor(result: () => void): void {
    this.countDown();
    super.stayFor(result);
  }
}
