import type { Expression, Flag, Meaning, Width } from '../isa/meaning.js';
import type { FlagStatement } from './emitter.js';
import { FloatEmitter, usesFloats } from './float-code.js';
import { flagOffset, registerOffset, STATE, vectorOffset } from './state.js';
import type { FunctionBody } from './wasm/module.js';
import { OP, TYPE } from './wasm/opcodes.js';

/**
 * Code for one instruction: a WebAssembly function that reads and writes the task's state in memory, and returns why it stopped
 * (see TRAPS). An access that the program may not make leaves it by an exception of the imports, with the state as before.
 */
export function stepFunction(meaning: Meaning): FunctionBody {
  return new StepCode().function(meaning);
}

export class StepCode extends FloatEmitter {
  function(meaning: Meaning): FunctionBody {
    if (usesFloats(meaning)) {
      this.mxcsrIsUnusual();
      this.code.byte(OP.if, TYPE.empty);
      this.soft = true;
      this.instruction(meaning);
      this.code.byte(OP.return);
      this.soft = false;
      this.code.byte(OP.end);
      this.temporaries.clear();
    }
    this.instruction(meaning);
    return { locals: this.locals, code: this.code.bytes };
  }

  private instruction({ statements, next }: Meaning): void {
    for (const statement of statements) this.statement(statement, next);
    this.setRip(() => this.i64(next));
    this.i32(0);
  }

  protected setRip(value: () => void): void {
    this.stateStore(OP.i64Store, STATE.rip, value);
  }

  protected override leave(to: () => void, result: number): void {
    this.setRip(to);
    this.stay(result);
  }

  protected override stayFor(result: () => void): void {
    result();
    this.code.byte(OP.return);
  }

  protected override readRegister(register: number, width: Width, high: boolean): void {
    const op =
      width === 8 ? OP.i32Load8u : width === 16 ? OP.i32Load16u : width === 32 ? OP.i32Load : OP.i64Load;
    this.stateLoad(op, registerOffset(register) + (high ? 1 : 0));
  }

  protected override writeRegister(register: number, width: Width, high: boolean, value: () => void): void {
    const op = width === 8 ? OP.i32Store8 : width === 16 ? OP.i32Store16 : OP.i64Store;
    this.stateStore(op, registerOffset(register) + (high ? 1 : 0), () => {
      value();
      if (width === 32) this.code.byte(OP.i64ExtendI32u);
    });
  }

  protected override readXmm(register: number): void {
    this.i32(0);
    this.simd('v128.load', 0);
    this.code.u32(vectorOffset(register));
  }

  protected override writeXmm(register: number, value: () => void): void {
    this.i32(0);
    value();
    this.simd('v128.store', 0);
    this.code.u32(vectorOffset(register));
  }

  protected override readFlag(flag: Flag): void {
    this.stateLoad(OP.i32Load8u, flagOffset(flag));
  }

  protected override writeFlags({ flags }: FlagStatement): void {
    const entries = Object.entries(flags) as [Flag, Expression][];
    for (const [, value] of entries) this.expression(value);
    const locals = entries.map((_, index) => this.scratch(`flag ${index}`, 'i32'));
    for (const local of [...locals].reverse()) this.code.byte(OP.localSet).u32(local);
    for (const [index, [name]] of entries.entries()) {
      this.stateStore(OP.i32Store8, flagOffset(name), () => this.code.byte(OP.localGet).u32(locals[index]!));
    }
  }
}
