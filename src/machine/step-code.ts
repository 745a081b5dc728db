import type { Expression, Flag, Meaning, Width } from '../isa/meaning.js';
import { Emitter } from './emitter.js';
import { flagOffset, STATE } from './state.js';
import type { FunctionBody } from './wasm/module.js';
import { OP } from './wasm/opcodes.js';

/**
 * Code for one instruction: a WebAssembly function that reads and writes the task's state in memory, and returns why it stopped
 * (see TRAPS). An access that the program may not make leaves it by an exception of the imports, with the state as before.
 */
export function stepFunction(meaning: Meaning): FunctionBody {
  return new StepCode().function(meaning);
}

class StepCode extends Emitter {
  function({ statements, next }: Meaning): FunctionBody {
    for (const statement of statements) this.statement(statement, next);
    this.setRip(() => this.i64(next));
    this.code.byte(OP.i32Const, 0);
    return { locals: this.locals, code: this.code.bytes };
  }

  private setRip(value: () => void): void {
    this.stateStore(OP.i64Store, STATE.rip, value);
  }

  protected override leave(to: () => void, result: number): void {
    this.setRip(to);
    this.stay(result);
  }

  protected override stay(result: number): void {
    this.i32(result);
    this.code.byte(OP.return);
  }

  protected override readRegister(register: number, width: Width, high: boolean): void {
    const op = { 8: OP.i32Load8u, 16: OP.i32Load16u, 32: OP.i32Load, 64: OP.i64Load }[width];
    this.stateLoad(op, STATE.registers + 8 * register + (high ? 1 : 0));
  }

  protected override writeRegister(register: number, width: Width, high: boolean, value: () => void): void {
    const op = { 8: OP.i32Store8, 16: OP.i32Store16, 32: OP.i64Store, 64: OP.i64Store }[width];
    this.stateStore(op, STATE.registers + 8 * register + (high ? 1 : 0), () => {
      value();
      if (width === 32) this.code.byte(OP.i64ExtendI32u);
    });
  }

  protected override readFlag(flag: Flag): void {
    this.stateLoad(OP.i32Load8u, flagOffset(flag));
  }

  protected override writeFlags(flags: Readonly<Partial<Record<Flag, Expression>>>): void {
    const entries = Object.entries(flags) as [Flag, Expression][];
    for (const [, value] of entries) this.expression(value);
    const locals = entries.map((_, index) => this.scratch(`flag ${index}`, 'i32'));
    for (const local of [...locals].reverse()) this.code.byte(OP.localSet).u32(local);
    for (const [index, [name]] of entries.entries()) {
      this.stateStore(OP.i32Store8, flagOffset(name), () => this.code.byte(OP.localGet).u32(locals[index]!));
    }
  }
}
