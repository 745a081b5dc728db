import { Bytes } from '../../machine/wasm/encoder.js';
import { ARITHMETIC, OP, TYPE } from '../../machine/wasm/opcodes.js';

/**
 * A small language for functions in WebAssembly: values are expressions, statements are written where they are called. Loads and stores
 * have a constant offset; numbers in the place of a value are i32 constants.
 */
type Type = 'i32' | 'i64';
type Operation = keyof typeof ARITHMETIC;
export type Operand = Value | number;

/** The threads proposal's instructions (chapter "Atomic Memory Instructions"), behind the prefix 0xfe. */
const ATOMIC = {
  notify: 0x00,
  wait32: 0x01,
  i32Load: 0x10,
  i64Load: 0x11,
  i32Store: 0x17,
  i32Add: 0x1e,
  i32CompareExchange: 0x48,
  i64CompareExchange: 0x49,
} as const;
const COMPARISONS = new Set<Operation>(['eqz', 'eq', 'ne', 'lts', 'ltu', 'gtu', 'les', 'leu']);

export class Value {
  constructor(
    readonly type: Type,
    readonly put: (out: Bytes) => void,
  ) {}

  private with(operation: Operation, other?: Operand | bigint): Value {
    const right = other === undefined ? undefined : constant(other, this.type);
    const type = COMPARISONS.has(operation) ? 'i32' : this.type;
    return new Value(type, (out) => {
      this.put(out);
      right?.put(out);
      out.byte(ARITHMETIC[operation][this.type === 'i32' ? 0 : 1]);
    });
  }
  private as(type: Type, opcode: number): Value {
    return new Value(type, (out) => {
      this.put(out);
      out.byte(opcode);
    });
  }
  add = (other: Operand | bigint): Value => this.with('add', other);
  sub = (other: Operand | bigint): Value => this.with('sub', other);
  mul = (other: Operand | bigint): Value => this.with('mul', other);
  and = (other: Operand | bigint): Value => this.with('and', other);
  or = (other: Operand | bigint): Value => this.with('or', other);
  xor = (other: Operand | bigint): Value => this.with('xor', other);
  shl = (other: Operand | bigint): Value => this.with('shl', other);
  shr = (other: Operand | bigint): Value => this.with('shr', other);
  eq = (other: Operand | bigint): Value => this.with('eq', other);
  ne = (other: Operand | bigint): Value => this.with('ne', other);
  /** Unsigned. */
  below = (other: Operand | bigint): Value => this.with('ltu', other);
  above = (other: Operand | bigint): Value => this.with('gtu', other);
  isZero = (): Value => this.with('eqz');
  low = (): Value => this.as('i32', OP.i32WrapI64);
  wide = (): Value => this.as('i64', OP.i64ExtendI32u);
}

export class Local extends Value {
  constructor(
    type: Type,
    readonly index: number,
    private readonly out: Bytes,
  ) {
    super(type, (into) => into.byte(OP.localGet).u32(index));
  }
  set(value: Operand | bigint): void {
    constant(value, this.type).put(this.out);
    this.out.byte(OP.localSet).u32(this.index);
  }
  /** Adds to itself. */
  grow(by: Operand): void {
    this.set(this.add(by));
  }
}

function constant(value: Operand | bigint, type: Type): Value {
  if (value instanceof Value) return value;
  return type === 'i32'
    ? new Value('i32', (out) => out.byte(OP.i32Const).s32(Number(value) | 0))
    : new Value('i64', (out) => out.byte(OP.i64Const).s64(BigInt(value)));
}

/** A constant: of i64 where it is a bigint. */
export const number = (value: number | bigint): Value =>
  constant(value, typeof value === 'bigint' ? 'i64' : 'i32');

const memory = (type: Type, opcode: number, address: Operand, offset: number, atomic = false): Value =>
  new Value(type, (out) => {
    constant(address, 'i32').put(out);
    if (atomic) out.byte(0xfe, opcode, type === 'i32' ? 2 : 3).u32(offset);
    else out.byte(opcode, 2).u32(offset);
  });
export const load = (address: Operand, offset = 0): Value => memory('i32', OP.i32Load, address, offset);
export const load64 = (address: Operand, offset = 0): Value => memory('i64', OP.i64Load, address, offset);
export const atomicLoad = (address: Operand, offset = 0): Value =>
  memory('i32', ATOMIC.i32Load, address, offset, true);
export const atomicLoad64 = (address: Operand, offset = 0): Value =>
  memory('i64', ATOMIC.i64Load, address, offset, true);
/** What stood there before. */
export const atomicAdd = (address: Operand, by: Operand, offset = 0): Value =>
  new Value('i32', (out) => {
    constant(address, 'i32').put(out);
    constant(by, 'i32').put(out);
    out.byte(0xfe, ATOMIC.i32Add, 2).u32(offset);
  });
export const compareExchange = (address: Operand, expected: Operand | bigint, value: Value): Value =>
  new Value(value.type, (out) => {
    constant(address, 'i32').put(out);
    constant(expected, value.type).put(out);
    value.put(out);
    if (value.type === 'i32') out.byte(0xfe, ATOMIC.i32CompareExchange, 2).u32(0);
    else out.byte(0xfe, ATOMIC.i64CompareExchange, 3).u32(0);
  });
/** Sleeps while the word is `expected`. */
export const wait = (address: Operand, expected: Operand): Value =>
  new Value('i32', (out) => {
    constant(address, 'i32').put(out);
    constant(expected, 'i32').put(out);
    out.byte(OP.i64Const).s64(-1n).byte(0xfe, ATOMIC.wait32, 2).u32(0);
  });
export const notify = (address: Operand): Value =>
  new Value('i32', (out) => {
    constant(address, 'i32').put(out);
    out.byte(OP.i32Const).s32(-1).byte(0xfe, ATOMIC.notify, 2).u32(0);
  });
export const select = (condition: Value, then: Value, otherwise: Value): Value =>
  new Value(then.type, (out) => {
    then.put(out);
    otherwise.put(out);
    condition.put(out);
    out.byte(OP.select);
  });

/** A place to break out of or to go on at. */
export interface Label {
  readonly depth: number;
}

export class Code {
  readonly out = new Bytes();
  readonly locals: Type[] = [];
  private depth = 0;
  constructor(
    readonly index: number,
    readonly parameters: number,
  ) {}

  parameter(index: number): Local {
    return new Local('i32', index, this.out);
  }
  local(type: Type = 'i32', value?: Operand | bigint): Local {
    const local = new Local(type, this.parameters + this.locals.push(type) - 1, this.out);
    if (value !== undefined) local.set(value);
    return local;
  }
  private inside(opcode: number, body: (label: Label) => void): void {
    this.out.byte(opcode, TYPE.empty);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    this.out.byte(OP.end);
  }
  block(body: (out: Label) => void): void {
    this.inside(OP.block, body);
  }
  /** Runs once, and again where the body goes to its label. */
  loop(body: (again: Label) => void): void {
    this.inside(OP.loop, body);
  }
  /** Runs until something leaves it. */
  forever(body: (out: Label, again: Label) => void): void {
    this.block((out) =>
      this.loop((again) => {
        body(out, again);
        this.go(again);
      }),
    );
  }
  while(condition: Value, body: (out: Label, again: Label) => void): void {
    this.forever((out, again) => {
      this.goIf(condition.isZero(), out);
      body(out, again);
    });
  }
  if(condition: Value, then: () => void, otherwise?: () => void): void {
    condition.put(this.out);
    this.inside(OP.if, () => {
      then();
      if (otherwise === undefined) return;
      this.out.byte(OP.else);
      otherwise();
    });
  }
  go(label: Label): void {
    this.out.byte(OP.br).u32(this.depth - label.depth);
  }
  goIf(condition: Value, label: Label): void {
    condition.put(this.out);
    this.out.byte(OP.brIf).u32(this.depth - label.depth);
  }
  store(address: Operand, value: Operand, offset = 0): void {
    constant(address, 'i32').put(this.out);
    const what = constant(value, 'i32');
    what.put(this.out);
    this.out.byte(what.type === 'i32' ? OP.i32Store : OP.i64Store, 2).u32(offset);
  }
  atomicStore(address: Operand, value: Operand, offset = 0): void {
    constant(address, 'i32').put(this.out);
    constant(value, 'i32').put(this.out);
    this.out.byte(0xfe, ATOMIC.i32Store, 2).u32(offset);
  }
  /** For its effect. */
  drop(value: Value): void {
    value.put(this.out);
    this.out.byte(OP.drop);
  }
  return(value: Operand): void {
    constant(value, 'i32').put(this.out);
    this.out.byte(OP.return);
  }
}

/** Functions of i32 parameters with one i32 result, which call each other and are all exported. */
export class Module {
  private readonly functions: { readonly name: string; readonly code: Code }[] = [];

  function(name: string, parameters: number, body: (code: Code, ...parameters: Local[]) => void): void {
    const code = new Code(this.functions.length, parameters);
    this.functions.push({ name, code });
    body(code, ...Array.from({ length: parameters }, (_, index) => code.parameter(index)));
    constant(0, 'i32').put(code.out);
  }
  call(name: string, ...parameters: Operand[]): Value {
    const index = this.functions.findIndex((each) => each.name === name);
    return new Value('i32', (out) => {
      for (const each of parameters) constant(each, 'i32').put(out);
      out.byte(OP.call).u32(index);
    });
  }

  /** Chapter 5.5 "Modules" of the core specification; the memory is shared. */
  bytes(pages: number): Uint8Array {
    const { functions } = this;
    const out = new Bytes().byte(0x00, 0x61, 0x73, 0x6d).byte(0x01, 0x00, 0x00, 0x00);
    const section = (id: number, fill: (inner: Bytes) => void): void => {
      out.byte(id).sized(fill);
    };
    section(1, (s) =>
      s.vector(functions, ({ code }) => {
        s.byte(0x60).vector(Array(code.parameters).fill(0), () => s.byte(TYPE.i32));
        s.byte(1, TYPE.i32);
      }),
    );
    section(2, (s) => s.u32(1).name('env').name('memory').byte(0x02, 0x03).u32(pages).u32(pages));
    section(3, (s) => s.vector(functions, ({ code }) => s.u32(code.index)));
    section(7, (s) => s.vector(functions, ({ name, code }) => s.name(name).byte(0x00).u32(code.index)));
    section(10, (s) =>
      s.vector(functions, ({ code }) =>
        s.sized((body) => {
          body.vector(code.locals, (type) => body.u32(1).byte(TYPE[type]));
          body.append(code.out.bytes).byte(0x0b);
        }),
      ),
    );
    return out.bytes;
  }
}
