import type { Verdict } from '../../../src/explore/verdict.js';
import type { Model } from './random-model.js';
import { type Plain, stepOf } from './reference.js';

export function summary(verdict: Verdict) {
  const { kind, states, transitions, cost, maxFrontier } = verdict;
  return { kind, states, transitions, cost, maxFrontier };
}

/** Follows the path of a counterexample in the model: says what the violation is there. */
export function follow(model: Model, verdict: Verdict & { kind: 'violation' }): string {
  const { path, violation, cost } = verdict.counterexample;
  const text = 'id' in violation ? `${violation.kind} ${violation.id}` : violation.kind;
  let state: Plain = { locals: model.start, values: Array(model.cells).fill(0) };
  let paid = 0;
  for (const [at, { task, label }] of path.entries()) {
    const step = stepOf(model, state, task, label);
    paid += model.locals[state.locals[task]!]!.edges[label]!.cost;
    if (step === undefined) return `step ${at} cannot be taken`;
    if (step.kind === 'violation') {
      if (at !== path.length - 1) return `violation too early`;
      return step.what === text && paid === cost ? text : `${step.what} at cost ${paid}`;
    }
    state = step.state;
  }
  if (paid !== cost) return `cost ${paid}`;
  const finished = state.locals.every((local) => model.locals[local]!.finished);
  if (violation.kind === 'end') return finished && model.badEnd(state.locals, state.values) ? text : 'no end';
  const steps = state.locals.flatMap((local, task) =>
    model.locals[local]!.edges.map((_, index) => stepOf(model, state, task, index)),
  );
  if (violation.kind === 'deadlock')
    return !finished && steps.every((step) => step === undefined) ? text : 'free';
  return text;
}
