import type { Addr } from '../abi/address.js';
import {
  type Condition,
  FLAGS,
  has,
  type Instruction,
  type RegisterId,
  type RegisterSet,
  registerBit,
  type Value,
} from '../isa/instruction.js';
import { nextOf } from './evaluate.js';
import type { Flow } from './flow.js';
import { constantOf, type Linear } from './nodes.js';

/** Steps after which the search gives up and takes the value for used. */
const MAX_STEPS = 50_000;

/** What the way so far tells: a condition that holds until the flags are written, and registers known to be 0 or 1. */
interface Facts {
  readonly flags: Condition | undefined;
  readonly bits: ReadonlyMap<RegisterId, 0 | 1>;
}

/** How far the search has come: where, in which registers the value is, and what is known there. */
interface Step {
  readonly at: Addr;
  readonly carriers: RegisterSet;
  readonly facts: Facts;
}

const NOTHING: Facts = { flags: undefined, bits: new Map() };

/**
 * The first instruction found that makes use of the value a register holds at `from`: not one that only hands it on to
 * another register. What a branch has decided stays decided: sections lead all their exits to one place, where the flags or
 * a byte made of them tell the exits from the commit, and what the commit has set is read on that way alone.
 */
export function useOf(flow: Flow, from: Addr, register: RegisterId): Addr | undefined {
  const seen = new Set<string>();
  const pending: Step[] = [{ at: from, carriers: registerBit(register), facts: NOTHING }];
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { at, carriers, facts } = step;
    const key = `${at} ${carriers} ${facts.flags} ${[...facts.bits].join(' ')}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const instruction = flow.code.at(at);
    if (instruction === undefined) continue;
    if (seen.size > MAX_STEPS || isUse(flow, instruction, carriers, register)) return at;
    for (const abort of flow.abortTargets(at)) pending.push({ at: abort, carriers, facts: NOTHING });
    const carried = carriersAfter(flow, instruction, carriers);
    if (carried === 0n) continue;
    for (const known of factsAfter(instruction, facts, flow.code.decoder.equal)) {
      for (const to of flow.successors(at)) {
        const taken = branchFacts(instruction, to, known);
        if (taken !== undefined) pending.push({ at: to, carriers: carried, facts: taken });
      }
    }
  }
  return undefined;
}

/**
 * What control can come to from behind an instruction, not beyond places where `stop` holds (those are visited, not
 * passed). As in useOf, what a branch has decided stays decided: a loop that sets a byte to 0 only where it has come to its
 * end is not left elsewhere.
 */
export function reachableBehind(flow: Flow, from: Addr, stop: (at: Addr) => boolean): ReadonlySet<Addr> {
  const reached = new Set<Addr>();
  const seen = new Set<string>();
  const bits = new Map<RegisterId, 0 | 1>();
  flow.before(from)?.registers.forEach((value, register) => {
    const number = constantOf(value) ?? movedByte(flow, value);
    if (number === 0 || number === 1) bits.set(register, number);
  });
  const pending: { at: Addr; facts: Facts }[] = [];
  const goOn = (at: Addr, facts: Facts): void => {
    const instruction = flow.code.at(at);
    if (instruction === undefined) return;
    for (const known of factsAfter(instruction, facts, flow.code.decoder.equal)) {
      for (const to of flow.successors(at)) {
        const taken = branchFacts(instruction, to, known);
        if (taken !== undefined) pending.push({ at: to, facts: taken });
      }
    }
  };
  goOn(from, { flags: undefined, bits });
  for (let step = pending.pop(); step !== undefined; step = pending.pop()) {
    const { at, facts } = step;
    const key = `${at} ${facts.flags} ${[...facts.bits].sort().join(' ')}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > MAX_STEPS) return new Set(flow.walk(flow.successors(from), stop).keys());
    reached.add(at);
    if (!stop(at)) goOn(at, facts);
  }
  return reached;
}

function isUse(flow: Flow, instruction: Instruction, carriers: RegisterSet, register: RegisterId): boolean {
  const { decoder } = flow.code;
  if (flow.leaves(instruction) && instruction.flow !== 'indirect-jump') {
    if ((carriers & decoder.calleeSaved) !== 0n) return true;
    // A value that was handed to the register of results is one; one that was there all along may be left over.
    if (register !== decoder.returnValue && has(carriers, decoder.returnValue)) return true;
  }
  return (realReads(instruction) & carriers) !== 0n && !handsOn(instruction);
}

/** What it reads for its own sake. */
const realReads = ({ reads, writes, traits }: Instruction): RegisterSet =>
  traits.has('partial') ? reads & ~writes : reads;

/** Does it only compute registers from registers? */
const handsOn = ({ flow, memory, writes, effects }: Instruction): boolean =>
  flow === 'next' && memory.length === 0 && !has(writes, FLAGS) && effects.length > 0;

function carriersAfter(flow: Flow, instruction: Instruction, carriers: RegisterSet): RegisterSet {
  if (isCall(instruction)) return carriers & ~flow.code.decoder.callerSaved;
  const kept = carriers & ~instruction.writes;
  return (realReads(instruction) & carriers) === 0n ? kept : kept | instruction.writes;
}

const isCall = ({ flow }: Instruction): boolean => flow === 'call' || flow === 'indirect-call';

/** What is known behind the instruction, before its branch is taken; two cases where it turns an unknown condition into a number. */
function factsAfter(instruction: Instruction, facts: Facts, equal: Condition): Facts[] {
  const made = instruction.effects.find(({ value }) => value.op === 'condition');
  if (made?.kind === 'register' && made.value.op === 'condition') {
    const { condition } = made.value;
    const decided = decide(condition, facts.flags);
    const cases = decided === undefined ? [condition, condition ^ 1] : [facts.flags!];
    return cases.map((flags) => ({
      flags,
      bits: new Map(facts.bits).set(made.register, decide(condition, flags) ? 1 : 0),
    }));
  }
  const bits = new Map(facts.bits);
  for (const register of facts.bits.keys())
    if (has(instruction.writes, register) || isCall(instruction)) bits.delete(register);
  for (const effect of instruction.effects) {
    if (effect.kind !== 'register') continue;
    const moved = instruction.traits.has('partial') ? byteOf(effect.value) : undefined;
    const bit = moved ?? bitOf(effect.value, facts.bits);
    if (bit !== undefined) bits.set(effect.register, bit);
  }
  if (!has(instruction.writes, FLAGS)) return [{ flags: facts.flags, bits }];
  const [a, b] = (instruction.compares ?? []).map((value) => bitOf(value, facts.bits));
  return [{ flags: a === undefined || b === undefined ? undefined : a === b ? equal : equal ^ 1, bits }];
}

/** mov $1,%dl: the rest of the register is kept, but what a byte test of it gives is known. */
function byteOf(value: Value): 0 | 1 | undefined {
  const [kept, moved, ...others] = value.op === 'unknown' ? value.from : [];
  if (kept?.op !== 'register' || moved === undefined || others.length > 0) return undefined;
  return moved.op === 'constant' ? bitOf(moved, NOTHING.bits) : undefined;
}

/** The same, of a value that such an instruction has left in a register. */
function movedByte(flow: Flow, value: Linear): number | undefined {
  const [term, ...others] = value.terms;
  if (term?.atom.kind !== 'opaque' || term.factor !== 1 || others.length > 0 || value.constant !== 0)
    return undefined;
  const [, moved] = term.atom.from;
  const instruction = flow.code.at(term.atom.at);
  const isMove = instruction?.effects.some(
    (effect) => effect.kind === 'register' && byteOf(effect.value) !== undefined,
  );
  return isMove && instruction?.traits.has('partial') && moved ? constantOf(moved) : undefined;
}

function bitOf(value: Value, bits: ReadonlyMap<RegisterId, 0 | 1>): 0 | 1 | undefined {
  if (value.op === 'register') return bits.get(value.register);
  if (value.op === 'and') {
    const [a, b] = [bitOf(value.a, bits), bitOf(value.b, bits)];
    return a === undefined || b === undefined ? undefined : a === 1 && b === 1 ? 1 : 0;
  }
  return value.op === 'constant' && (value.value === 0 || value.value === 1) ? value.value : undefined;
}

/** Does the condition hold where `flags` does? */
const decide = (condition: Condition, flags: Condition | undefined): boolean | undefined =>
  flags === undefined || flags >> 1 !== condition >> 1 ? undefined : flags === condition;

/** What is known behind a branch that goes to `to`; undefined where it cannot. */
function branchFacts(instruction: Instruction, to: Addr, facts: Facts): Facts | undefined {
  const { condition, target } = instruction;
  if (condition === undefined || target === nextOf(instruction)) return facts;
  const flags = to === target ? condition : condition ^ 1;
  return decide(condition, facts.flags) === (to !== target) ? undefined : { ...facts, flags };
}
