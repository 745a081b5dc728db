import { Graph } from '../graph.js';
import { type State, Stepper } from '../stepper.js';
import type { Act } from './actor.js';
import type { Local } from './local.js';
import type { MachineCode } from './machine-code.js';

/** A state between two steps of one task's operation. */
interface Point {
  readonly state: State;
  /** Slot of the task that is under way; -1: between operations. */
  readonly active: number;
  /** The task has not yet looked at a CPU number since it began, or has left a section since it last did. */
  readonly between: boolean;
  /** It has left a section since it last looked. */
  readonly left: boolean;
}

/** Serial runs that are looked at at most. */
const MOST = 2_000_000;

/** The end of a run as the serial oracle compares it: shared memory and results, whoever has which. */
export function endKey(locals: readonly Local[], memory: string): string {
  const results = locals.map((local) => `${local.owner}:${local.results}`).sort();
  return `${memory}|${results.join(' ')}`;
}

/**
 * All ends of runs in which operations follow each other undisturbed: in every order, on every CPU, with each signal between operations or never.
 * A task's operation ends where, having left a section, it next looks at a CPU number (or says rseqlab_operation()), and at its own end.
 * Undefined where there are too many.
 */
export function serialEnds(code: MachineCode): ReadonlySet<string> | undefined {
  const graph = new Graph();
  const stepper = new Stepper(graph, code);
  const ends = new Set<string>();
  const seen = new Set<string>();
  const todo: Point[] = [];
  const add = (point: Point): void => {
    const { state, active, between, left } = point;
    const key = `${state.locals}/${state.memory}/${active}/${between}/${left}`;
    if (seen.has(key)) return;
    seen.add(key);
    todo.push(point);
  };
  const localAt = ({ locals }: State, slot: number): Local => code.locals.all[locals[slot]!]!;
  const take = (
    state: State,
    slot: number,
    fits: (act: Act) => boolean,
    then: (state: State) => void,
  ): void => {
    const local = state.locals[slot]!;
    for (const cost of [0, 1] as const) {
      const { from, to } = stepper.edges(local, cost);
      for (let position = from; position < to; position++) {
        const act = code.acts[local]![graph.edgeOf(position).edge]!;
        if (!fits(act) || !stepper.isFree(state, slot, position)) continue;
        const outcome = stepper.take(state, slot, position);
        // What goes wrong without any interruption is for the search to say.
        if (outcome.kind === 'to') then(outcome.state);
      }
    }
  };
  add({ state: stepper.begin().state, active: -1, between: true, left: false });
  for (let point = todo.pop(); point !== undefined; point = todo.pop()) {
    if (seen.size > MOST) return undefined;
    const { state, active, between, left } = point;
    if (active < 0) {
      if (stepper.isOver(state)) {
        const memory = code.memoryText(graph.reader(state.memory));
        ends.add(
          endKey(
            state.locals.map((local) => code.locals.all[local]!),
            memory,
          ),
        );
        continue;
      }
      for (const slot of state.locals.keys())
        take(
          state,
          slot,
          (act) => act.kind === 'resume',
          (next) => add({ state: next, active: slot, between: true, left: false }),
        );
      continue;
    }
    const local = localAt(state, active);
    if (local.place.kind === 'finished') {
      add({ state, active: -1, between: true, left: false });
      continue;
    }
    const looks = code.beginsOperation(local);
    if (left && looks)
      take(
        state,
        active,
        (act) => act.kind === 'preempt',
        (next) => add({ state: next, active: -1, between: true, left: false }),
      );
    if (between)
      take(
        state,
        active,
        (act) => act.kind === 'signal',
        (next) => add({ state: next, active, between, left }),
      );
    const inside = code.isInSection(local);
    take(
      state,
      active,
      (act) => act.kind === 'execute',
      (next) => {
        const leaves = inside && !code.isInSection(localAt(next, active));
        add({
          state: next,
          active,
          between: leaves || (between && !looks),
          left: leaves || (left && !looks),
        });
      },
    );
  }
  return ends;
}
