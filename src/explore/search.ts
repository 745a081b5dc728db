import { Graph } from './graph.js';
import type { Semantics } from './semantics.js';
import { type State, Stepper, type Violation } from './stepper.js';
import type { Bound, Options, PathStep, Verdict } from './verdict.js';

/** explores. */
export async function explore(semantics: () => Semantics, options: Options = {}): Promise<Verdict> {
  const graph = new Graph();
  const stepper = new Stepper(graph, semantics());
  const began = Date.now();
  const key = ({ locals, memory }: State): string =>
    `${options.symmetry === false ? locals : [...locals].sort((a, b) => a - b)} ${memory}`;
  interface Found extends State {
    readonly from: Found | undefined;
    readonly step: PathStep | undefined;
  }
  const start = stepper.begin();
  let violation: Violation | undefined = start.violation;
  let at: Found = { ...start.state, from: undefined, step: undefined };
  let transitions = 0;
  let maxFrontier = 1;
  const visited = new Set<string>([key(at)]);
  let layer = [at];
  let cost = 0;
  let found = cost;
  let bound: Bound | undefined;
  const violates = (what: Violation, state: Found, where: number): void => {
    if (violation !== undefined) return;
    violation = what;
    at = state;
    found = where;
  };
  const expand = (state: Found, kind: 0 | 1, into: Found[]): number => {
    let enabled = 0;
    for (const [slot, local] of state.locals.entries()) {
      const { from, to } = stepper.edges(local, kind);
      for (let position = from; position < to; position++) {
        if (!stepper.isFree(state, slot, position)) continue;
        const outcome = stepper.take(state, slot, position);
        if (outcome.kind === 'disabled') continue;
        enabled++;
        const edge = graph.edgeOf(position);
        const after = outcome.kind === 'to' ? outcome.state : state;
        const step = { task: slot, local, ...edge, cost: kind, reads: outcome.reads, state: after };
        const next: Found = { ...after, from: state, step };
        if (outcome.kind === 'violation') violates(outcome.violation, next, cost + kind);
        else if (!visited.has(key(next))) {
          visited.add(key(next));
          into.push(next);
        }
      }
    }
    transitions += enabled;
    return enabled;
  };
  const enabledFree = new Map<Found, number>();
  search: for (;;) {
    let level = layer;
    while (level.length > 0) {
      const next: Found[] = [];
      for (const state of level) {
        enabledFree.set(state, expand(state, 0, next));
        if (stepper.isOver(state)) {
          const wrong = stepper.atEnd(state);
          if (wrong !== undefined) violates(wrong, state, cost);
        }
        if (options.signal?.aborted) bound = 'interrupt';
        if (visited.size > (options.maxStates ?? Infinity)) bound = 'states';
        if (Date.now() - began > (options.time ?? Infinity) * 1000) bound = 'time';
        if (bound !== undefined) break search;
      }
      if (violation !== undefined) break search;
      layer.push(...next);
      level = next;
    }
    maxFrontier = Math.max(maxFrontier, layer.length);
    if (cost >= (options.maxCost ?? Infinity)) {
      bound = 'cost';
      break;
    }
    const next: Found[] = [];
    for (const state of layer) {
      const enabled = expand(state, 1, next) + enabledFree.get(state)!;
      if (enabled === 0 && !stepper.isOver(state)) {
        if (violation === undefined || found > cost) {
          violation = undefined;
          violates({ kind: 'deadlock' }, state, cost);
        }
      }
    }
    if (violation !== undefined || next.length === 0) break;
    layer = next;
    enabledFree.clear();
    cost++;
  }
  const counts = {
    states: visited.size,
    transitions,
    cost,
    locals: graph.locals,
    memories: graph.memories,
    cells: graph.cells,
    maxFrontier,
    bytes: graph.store.tableBytes,
    seconds: (Date.now() - began) / 1000,
    exact: true,
    collision: 0,
  };
  if (violation !== undefined) {
    const path: PathStep[] = [];
    for (let state: Found | undefined = at; state?.step !== undefined; state = state.from)
      path.unshift(state.step);
    return {
      ...counts,
      kind: 'violation',
      counterexample: { violation, cost: found, start: start.state, path },
    };
  }
  return bound === undefined ? { ...counts, kind: 'verified' } : { ...counts, kind: 'bounded', bound };
}
