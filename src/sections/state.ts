import type { Addr } from '../abi/address.js';
import type { RegisterId } from '../isa/instruction.js';
import type { Linear, Values } from './nodes.js';

/** What is known of a stack slot: the value last stored there, and its width in bytes. */
export interface Slot {
  readonly address: Linear;
  readonly value: Linear;
  readonly size: number;
}

/** Registers and stack before one instruction. Values are shared, never changed in place. */
export interface State {
  /** General registers by RegisterId (0..31). */
  readonly registers: readonly Linear[];
  /** Stack slots by the key of their address. */
  readonly stack: ReadonlyMap<string, Slot>;
}

export const GENERAL_REGISTERS = 32;

/** A state of which nothing is known: every register holds what it held `at` this place. */
export function unknownState(values: Values, at: Addr): State {
  const registers = Array.from({ length: GENERAL_REGISTERS }, (_, register) => values.entry(register, at));
  return { registers, stack: new Map() };
}

/** The stack slots that a store to `address` leaves valid. */
export function withoutOverlap(
  stack: ReadonlyMap<string, Slot>,
  address: Linear,
  size: number,
): Map<string, Slot> {
  const kept = new Map(stack);
  const terms = termsOf(address);
  for (const [key, slot] of stack) {
    if (termsOf(slot.address) !== terms) continue;
    const distance = slot.address.constant - address.constant;
    if (distance < Math.max(size, 1) && -distance < slot.size) kept.delete(key);
  }
  return kept;
}

/** The part of a value's key without its constant: equal for addresses that differ by a known distance. */
export const termsOf = (value: Linear): string => value.key.slice(0, value.key.lastIndexOf('+'));

/**
 * The state at a place that several ways lead to. A register or slot that differs by the way becomes a join of the
 * place; one that is the join itself on the way back of a loop, and something else on the way in, has not changed there
 * (not so where the place is `settled`: there a join stays one).
 */
export function meet(values: Values, states: readonly State[], at: Addr, settled = false): State {
  const [first, ...others] = states as [State, ...State[]];
  if (others.length === 0) return first;
  const merge = (place: () => string, value: Linear, of: (state: State) => Linear): Linear => {
    if (others.every((state) => of(state) === value)) return value;
    const all = [value, ...others.map(of)];
    const own = values.join(at, place(), []);
    const distinct = new Set(all.filter((each) => each !== own));
    const [only] = distinct;
    return !settled && distinct.size === 1 && only !== undefined ? only : values.join(at, place(), all);
  };
  const registers = first.registers.map((value, register) =>
    merge(
      () => `r${register}`,
      value,
      (state) => state.registers[register] ?? value,
    ),
  );
  const stack = new Map<string, Slot>();
  for (const [key, slot] of first.stack) {
    if (!others.every(({ stack: other }) => other.get(key)?.size === slot.size)) continue;
    const value = merge(
      () => `s${key}`,
      slot.value,
      (state) => state.stack.get(key)!.value,
    );
    stack.set(key, value === slot.value ? slot : { ...slot, value });
  }
  return { registers, stack };
}

/** Do both say the same of every register and slot? */
export function sameState(a: State, b: State): boolean {
  if (a === b) return true;
  if (a.stack.size !== b.stack.size) return false;
  if (!a.registers.every((value, register) => value === b.registers[register])) return false;
  for (const [key, slot] of a.stack) {
    const other = b.stack.get(key);
    if (other?.value !== slot.value || other.size !== slot.size) return false;
  }
  return true;
}

/** Is the value, among other terms, what the register held at the entry? */
export const isEntryOf = (value: Linear, register: RegisterId): boolean =>
  value.terms.some(({ atom, factor }) => factor === 1 && atom.kind === 'entry' && atom.register === register);
