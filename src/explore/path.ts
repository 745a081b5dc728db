import type { Engine } from './engine.js';
import type { Outcome, State, Stepper, Violation } from './stepper.js';
import type { PathStep } from './verdict.js';

/** A violation that is met when a state is expanded. */
export interface Met {
  readonly violation: Violation;
  /** The edge that is the violation has this cost; undefined where the state itself is one. */
  readonly edge: 0 | 1 | undefined;
}

interface Taken {
  readonly step: PathStep;
  readonly outcome: Outcome;
}

/** All edges of one cost that can be taken in a state, in order of slots. */
function* takable(stepper: Stepper, state: State, cost: 0 | 1, really = false): Generator<Taken> {
  for (const [slot, local] of state.locals.entries()) {
    const { from, to } = stepper.edges(local, cost);
    for (let position = from; position < to; position++) {
      if (!stepper.isFree(state, slot, position)) continue;
      const outcome = stepper.take(state, slot, position, really);
      if (outcome.kind === 'disabled') continue;
      const after = outcome.kind === 'to' ? outcome.state : state;
      const edge = stepper.graph.edgeOf(position);
      yield { step: { task: slot, local, ...edge, cost, reads: outcome.reads, state: after }, outcome };
    }
  }
}

/** The first violation that is met when edges of this cost are taken, in a state that may be an end. */
export function violationIn(stepper: Stepper, state: State, cost: 0 | 1): Met | undefined {
  for (const { outcome } of takable(stepper, state, cost))
    if (outcome.kind === 'violation') return { violation: outcome.violation, edge: cost };
  const end = cost === 0 && stepper.isOver(state) ? stepper.atEnd(state) : undefined;
  return end === undefined ? undefined : { violation: end, edge: undefined };
}

/**
 * The steps to the state at `address` and through its violation, with locals by task from start to end, and the violation: a state of the search
 * stands for all those that it becomes when tasks, or resources, are exchanged.
 */
export function pathTo(
  engine: Engine,
  start: State,
  root: number,
  address: number,
  met: Met,
): { readonly path: readonly PathStep[]; readonly violation: Violation } {
  const { stepper, settings } = engine;
  const key = (state: State): string => stepper.keyOf(state, settings.symmetry);
  const addresses = [address];
  while (addresses[0] !== root) addresses.unshift(engine.parentOf(addresses[0]!));
  const path: PathStep[] = [];
  let state = start;
  const go = (fits: (outcome: Outcome) => boolean, costs: readonly (0 | 1)[]): Outcome => {
    for (const cost of costs)
      for (const { step, outcome } of takable(stepper, state, cost, true))
        if (fits(outcome)) {
          path.push(step);
          state = step.state;
          return outcome;
        }
    throw new Error('a state is not reached from its parent');
  };
  for (const each of addresses.slice(1)) {
    const wanted = key(engine.stateAt(each));
    go((outcome) => outcome.kind === 'to' && key(outcome.state) === wanted, [0, 1]);
  }
  const { violation, edge } = met;
  if (edge === undefined)
    return { path, violation: violation.kind === 'end' ? stepper.atEnd(state)! : violation };
  // Of a state that is another one turned, the violation has another number.
  const text = (each: Violation): string =>
    stepper.graph.turns === undefined ? JSON.stringify(each) : each.kind;
  const outcome = go((each) => each.kind === 'violation' && text(each.violation) === text(violation), [edge]);
  return { path, violation: outcome.kind === 'violation' ? outcome.violation : violation };
}
