import type { Expression, Statement } from '../isa/meaning.js';
import { eachIn } from '../isa/walk.js';
import type { RegionBlock } from './region.js';
import { PAGE } from './state.js';

/** Accesses of a block at fixed distances from what a register holds at its beginning. */
export interface Span {
  readonly register: number;
  /** The first byte and the one behind the last, from the register. */
  low: number;
  high: number;
  /** What the pages must allow: PAGE.READ, PAGE.WRITE. */
  wanted: number;
  count: number;
}

/**
 * Stack frames and structures: one check at the beginning of a block stands for all its accesses to one of them. Fields of more than
 * a page do not count, and where a register has only one access that is checked where it is made.
 */
export function coveredAccesses({ instructions }: RegionBlock): {
  spans: readonly Span[];
  covered: ReadonlySet<Expression>;
} {
  const spans = new Map<number, Span>();
  const accesses = new Map<Expression, number>();
  const places = new Places();
  const note = (address: Expression, bytes: number, wanted: number): void => {
    const place = places.of(address);
    if (place === undefined) return;
    const { register, offset } = place;
    const span = spans.get(register) ?? { register, low: offset, high: offset, wanted: 0, count: 0 };
    const [low, high] = [Math.min(span.low, offset), Math.max(span.high, offset + bytes)];
    if (high - low > 4096) return;
    accesses.set(address, register);
    spans.set(register, { register, low, high, wanted: span.wanted | wanted, count: span.count + 1 });
  };
  for (const { meaning } of instructions) {
    places.forgetTemporaries();
    for (const statement of meaning.statements) {
      eachIn(statement, (e) => {
        if (e.op === 'load') note(e.address, e.width / 8, PAGE.READ);
      });
      if (statement.do === 'store') note(statement.address, statement.width / 8, PAGE.WRITE);
      places.after(statement);
    }
  }
  const kept = [...spans.values()].filter(({ count }) => count > 1);
  const registers = new Set(kept.map(({ register }) => register));
  const covered = new Set(
    [...accesses].flatMap(([address, register]) => (registers.has(register) ? [address] : [])),
  );
  return { spans: kept, covered };
}

interface Place {
  readonly register: number;
  readonly offset: number;
}

/** Offsets further out are no fields of anything. */
const FAR = 1 << 20;

/** What registers and named values hold, as a distance from a register at the block's beginning. */
class Places {
  private readonly registers: (Place | undefined)[] = Array.from({ length: 32 }, (_, register) => ({
    register,
    offset: 0,
  }));
  private readonly temporaries = new Map<number, Place | undefined>();

  forgetTemporaries(): void {
    this.temporaries.clear();
  }

  of(e: Expression): Place | undefined {
    if (e.op === 'temporary') return this.temporaries.get(e.id);
    if (e.op === 'register') return e.width === 64 ? this.registers[e.register] : undefined;
    if (e.op !== 'binary' || e.fn !== 'add' || e.width !== 64 || e.b.op !== 'constant') return undefined;
    const base = this.of(e.a);
    const distance = Number(BigInt.asIntN(64, e.b.value));
    if (base === undefined || Math.abs(base.offset + distance) > FAR) return undefined;
    return { register: base.register, offset: base.offset + distance };
  }

  after(statement: Statement): void {
    if (statement.do === 'let') this.temporaries.set(statement.id, this.of(statement.value));
    if (statement.do === 'set')
      this.registers[statement.register] = statement.width === 64 ? this.of(statement.value) : undefined;
  }
}
