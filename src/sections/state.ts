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
 * Two states that meet at one place. A register or slot that differs becomes a join, which then stays: each
 * place changes at most once, so the analysis ends. Returns `known` itself where nothing changed.
 */
export function meet(values: Values, known: State, arriving: State, at: Addr): State {
  let changed = false;
  const merge = (place: string, a: Linear, b: Linear): Linear => {
    if (a === b) return a;
    const joined = values.join(at, place, [a, b]);
    if (joined !== a) changed = true;
    return joined;
  };
  const registers = known.registers.map((value, register) =>
    merge(`r${register}`, value, arriving.registers[register] ?? value),
  );
  const stack = new Map<string, Slot>();
  for (const [key, slot] of known.stack) {
    const other = arriving.stack.get(key);
    if (other === undefined || other.size !== slot.size) {
      changed = true;
      continue;
    }
    const value = merge(`s${key}`, slot.value, other.value);
    stack.set(key, value === slot.value ? slot : { ...slot, value });
  }
  return changed ? { registers, stack } : known;
}

export const isEntryOf = (value: Linear, register: RegisterId): boolean =>
  value.terms.some(({ atom, factor }) => factor === 1 && atom.kind === 'entry' && atom.register === register);
