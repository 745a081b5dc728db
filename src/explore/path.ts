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
function* takable(stepper: Stepper, state: State, cost: 0 | 1): Generator<Taken> {
  for (const [slot, local] of state.locals.entries()) {
    const { from, to } = stepper.edges(local, cost);
    for (let position = from; position < to; position++) {
      if (!stepper.isFree(state, slot, position)) continue;
      const outcome = stepper.take(state, slot, position);
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
 * The steps to the state at `address` and through its violation, with locals by task from start to end: a state of the search may
 * have them sorted, and is then the same as any that has the same locals in another order.
 */
export function pathTo(engine: Engine, start: State, root: number, address: number, met: Met): PathStep[] {
  const { stepper, settings } = engine;
  const key = ({ locals, memory }: State): string =>
    `${settings.symmetry ? [...locals].sort((a, b) => a - b) : locals}:${memory}`;
  const addresses = [address];
  while (addresses[0] !== root) addresses.unshift(engine.parentOf(addresses[0]!));
  const path: PathStep[] = [];
  let state = start;
  const go = (fits: (outcome: Outcome) => boolean, costs: readonly (0 | 1)[]): void => {
    for (const cost of costs)
      for (const { step, outcome } of takable(stepper, state, cost))
        if (fits(outcome)) {
          path.push(step);
          state = step.state;
          return;
        }
    throw new Error('a state is not reached from its parent');
  };
  for (const each of addresses.slice(1)) {
    const wanted = key(engine.stateAt(each));
    go((outcome) => outcome.kind === 'to' && key(outcome.state) === wanted, [0, 1]);
  }
  const { violation, edge } = met;
  if (edge !== undefined) {
    const wanted = JSON.stringify(violation);
    go((outcome) => outcome.kind === 'violation' && JSON.stringify(outcome.violation) === wanted, [edge]);
  }
  return path;
}
