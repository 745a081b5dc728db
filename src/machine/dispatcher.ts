import { CODE_TYPE } from './imports.js';
import { CODE_CACHE, SLOT, SLOT_SIZE, SLOTS, STATE } from './state.js';
import { Bytes } from './wasm/encoder.js';
import { host, type WasmMemory, type WasmModule, type WasmTable } from './wasm/host.js';
import { type FunctionBody, moduleBytes } from './wasm/module.js';
import { ARITHMETIC, OP, TYPE } from './wasm/opcodes.js';

/**
 * What the dispatcher and translated code return besides 0 and 1 + a trap's number (see TRAPS). Legend:
 *   STEP   of a region: the instruction at rip must be done by itself
 *   TAIL   of a region: the budget is not enough for the block at rip
 *   MISS   nothing is known to run at rip
 *   STEPS  no step code is known for the instruction at rip, which a region leaves to it
 *   HOT    the code at rip has been run so often that it is worth a better translation
 */
export const RESULT = { STEP: 0xff, TAIL: 0xfe, MISS: 0x100, STEPS: 0x101, HOT: 0x102 } as const;

export interface Dispatcher {
  /** Runs regions where there are some and single instructions where not, until the budget is 0 or JavaScript has to do something. */
  readonly fast: () => number;
  /** Runs single instructions only. */
  readonly exact: () => number;
}

/** Dispatchers by the visits that make a place hot. */
const modules = new Map<number, WasmModule>();

function moduleFor(hot: number): WasmModule {
  const known = modules.get(hot);
  if (known !== undefined) return known;
  const bodies = [true, false].map((regions) => new DispatcherCode(hot).function(regions));
  const made = new host.Module(moduleBytes([], CODE_TYPE, bodies, true));
  modules.set(hot, made);
  return made;
}

export function makeDispatcher(memory: WasmMemory, table: WasmTable, hot: number): Dispatcher {
  const { exports } = new host.Instance(moduleFor(hot), { env: { memory, table } });
  return { fast: exports['0'] as () => number, exact: exports['1'] as () => number };
}

/** Locals of both functions. */
const [RIP, AT, RESULT_OF] = [0, 1, 2];

/**
 *   loop
 *     budget <= 0: return 0
 *     slot of rip; another address's: return MISS
 *     fast only: visits + 1; enough: return HOT
 *     fast only: region in it: call it; 0: again; not STEP: return that; slot of rip, which has moved: another's: return STEPS
 *     no step code in it: return STEPS
 *     call the step code; 0: again; else return that
 */
class DispatcherCode {
  private readonly code = new Bytes();

  constructor(private readonly hot: number) {}

  function(regions: boolean): FunctionBody {
    const { code } = this;
    code.byte(OP.loop, TYPE.empty);
    this.state(OP.i64Load, STATE.budget);
    code.byte(OP.i64Const).s32(0).byte(ARITHMETIC.les[1]);
    this.returnIf(0);
    this.findSlot(RESULT.MISS);
    if (regions) this.region();
    this.slotField(SLOT.steps);
    code.byte(ARITHMETIC.eqz[0]);
    this.returnIf(RESULT.STEPS);
    // The step code is told at which of its instructions it begins.
    code.byte(OP.i32Const).s32(0);
    this.slotField(SLOT.entry);
    code.byte(OP.i32Store, 0).u32(STATE.entry);
    this.slotField(SLOT.steps);
    code.byte(OP.callIndirect).u32(0).u32(0).byte(OP.localTee).u32(RESULT_OF);
    code.byte(ARITHMETIC.eqz[0], OP.brIf).u32(0);
    code.byte(OP.localGet).u32(RESULT_OF).byte(OP.return, OP.end, OP.unreachable);
    return { locals: ['i64', 'i32', 'i32'], code: code.bytes };
  }

  private region(): void {
    const { code } = this;
    code.byte(OP.localGet).u32(AT);
    this.slotField(SLOT.visits);
    code
      .byte(OP.i32Const)
      .s32(1)
      .byte(ARITHMETIC.add[0], OP.i32Store, 0)
      .u32(CODE_CACHE + SLOT.visits);
    this.slotField(SLOT.visits);
    code.byte(OP.i32Const).s32(this.hot).byte(ARITHMETIC.eq[0]);
    this.returnIf(RESULT.HOT);
    this.slotField(SLOT.region);
    code.byte(OP.if, TYPE.empty);
    this.slotField(SLOT.region);
    code.byte(OP.callIndirect).u32(0).u32(0).byte(OP.localTee).u32(RESULT_OF);
    code.byte(ARITHMETIC.eqz[0], OP.brIf).u32(1);
    code.byte(OP.localGet).u32(RESULT_OF).byte(OP.i32Const).s32(RESULT.STEP).byte(ARITHMETIC.ne[0]);
    code.byte(OP.if, TYPE.empty, OP.localGet).u32(RESULT_OF).byte(OP.return, OP.end);
    this.findSlot(RESULT.STEPS);
    code.byte(OP.end);
  }

  /** Puts the offset of rip's slot into AT; returns `otherwise` where it is another address's. */
  private findSlot(otherwise: number): void {
    const { code } = this;
    this.state(OP.i64Load, STATE.rip);
    code.byte(OP.localTee).u32(RIP).byte(OP.i32WrapI64, OP.localTee).u32(AT);
    code.byte(OP.localGet).u32(AT).byte(OP.i32Const).s32(15).byte(ARITHMETIC.shr[0], ARITHMETIC.xor[0]);
    code
      .byte(OP.i32Const)
      .s32(SLOTS - 1)
      .byte(ARITHMETIC.and[0]);
    code.byte(OP.i32Const).s32(SLOT_SIZE).byte(ARITHMETIC.mul[0], OP.localTee).u32(AT);
    code.byte(OP.i64Load, 0).u32(CODE_CACHE + SLOT.address);
    code.byte(OP.localGet).u32(RIP).byte(ARITHMETIC.ne[1]);
    this.returnIf(otherwise);
  }

  private slotField(field: number): void {
    this.code
      .byte(OP.localGet)
      .u32(AT)
      .byte(OP.i32Load, 0)
      .u32(CODE_CACHE + field);
  }

  private state(op: number, offset: number): void {
    this.code.byte(OP.i32Const).s32(0).byte(op, 0).u32(offset);
  }

  private returnIf(result: number): void {
    this.code.byte(OP.if, TYPE.empty, OP.i32Const).s32(result).byte(OP.return, OP.end);
  }
}
