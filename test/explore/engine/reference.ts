import type { Model } from './random-model.js';

/** A state as the reference has it: locals by task, values by cell. */
export interface Plain {
  readonly locals: readonly number[];
  readonly values: readonly number[];
}
export type Step =
  | { readonly kind: 'to'; readonly state: Plain }
  | { readonly kind: 'violation'; readonly what: string };
export interface Report {
  readonly kind: 'verified' | 'violation';
  readonly what?: string;
  readonly states: number;
  readonly transitions: number;
  readonly cost: number;
  readonly maxFrontier: number;
  readonly violationCost?: number;
}

/** One edge of one task; undefined where it cannot be taken. */
export function stepOf(
  model: Model,
  { locals, values }: Plain,
  task: number,
  index: number,
): Step | undefined {
  const edge = model.locals[locals[task]!]!.edges[index]!;
  if (locals.some((local, other) => other !== task && (model.locals[local]!.holds & edge.wants) !== 0))
    return undefined;
  const effect = edge.effects.get(edge.reads.map((cell) => values[cell]!).join())!;
  if (effect === 'disabled') return undefined;
  if ('bad' in effect) return { kind: 'violation', what: `bad ${effect.bad}` };
  const after = [...values];
  for (const [cell, value] of effect.stores) after[cell] = value;
  if (model.badMemory(after)) return { kind: 'violation', what: 'invariant 7' };
  const next = locals.map((local, other) =>
    other === task
      ? effect.to
      : (model.locals[local]!.holds & effect.fence) !== 0
        ? model.locals[local]!.fence
        : local,
  );
  return { kind: 'to', state: { locals: next, values: after } };
}

/** The search as it is defined, with a set of strings; undefined where there are more states than `most`. `images`: states that are one. */
export function reference(
  model: Model,
  symmetry: boolean,
  most = Infinity,
  images: (state: Plain) => readonly Plain[] = (state) => [state],
): Report | undefined {
  const text = ({ locals, values }: Plain): string =>
    `${symmetry ? [...locals].sort((a, b) => a - b) : locals}|${values}`;
  const key = (state: Plain): string => images(state).map(text).sort()[0]!;
  const start: Plain = { locals: model.start, values: Array(model.cells).fill(0) };
  const visited = new Set([key(start)]);
  let [transitions, cost, maxFrontier] = [0, 0, 0];
  const report = (kind: Report['kind'], what?: string[], violationCost?: number): Report => ({
    kind,
    ...(what === undefined ? {} : { what: what.sort().join(', ') }),
    ...(violationCost === undefined ? {} : { violationCost }),
    states: visited.size,
    transitions,
    cost,
    maxFrontier,
  });
  if (model.badMemory(start.values)) {
    visited.clear();
    return report('violation', ['invariant 7'], 0);
  }
  const over = ({ locals }: Plain): boolean => locals.every((local) => model.locals[local]!.finished);
  const steps = (state: Plain, wanted: 0 | 1): Step[] =>
    state.locals.flatMap((local, task) =>
      model.locals[local]!.edges.flatMap(({ cost: each }, index) => {
        const step = each === wanted ? stepOf(model, state, task, index) : undefined;
        return step === undefined ? [] : [step];
      }),
    );
  const expand = (states: readonly Plain[], wanted: 0 | 1, wrong: Set<string>): Plain[] => {
    const found: Plain[] = [];
    for (const state of states) {
      if (wanted === 0 && over(state) && model.badEnd(state.locals, state.values)) wrong.add('end 9');
      for (const step of steps(state, wanted)) {
        transitions++;
        if (step.kind === 'violation') wrong.add(step.what);
        else if (!visited.has(key(step.state))) {
          visited.add(key(step.state));
          found.push(step.state);
        }
      }
    }
    return found;
  };
  for (let layer = [start]; ; cost++) {
    for (let level = layer; level.length > 0; ) {
      const wrong = new Set<string>();
      level = expand(level, 0, wrong);
      if (visited.size > most) return undefined;
      if (wrong.size > 0) return report('violation', [...wrong], cost);
      layer = [...layer, ...level];
    }
    maxFrontier = Math.max(maxFrontier, layer.length);
    if (isLivelocked(layer)) return report('violation', ['livelock'], cost);
    const wrong = new Set<string>();
    const stuck = layer.some(
      (state) => !over(state) && steps(state, 0).length + steps(state, 1).length === 0,
    );
    const next = expand(layer, 1, wrong);
    if (visited.size > most) return undefined;
    if (stuck) return report('violation', ['deadlock'], cost);
    if (wrong.size > 0) return report('violation', [...wrong], cost + 1);
    if (next.length === 0) return report('verified');
    layer = next;
  }

  /** States that have only successors among themselves, at least one, and nobody who waits for a CPU. */
  function isLivelocked(layer: readonly Plain[]): boolean {
    const waits = ({ locals, values }: Plain): boolean =>
      locals.some((local) => {
        const { holds, finished, edges } = model.locals[local]!;
        // Alone, a task lacks nothing that it wants.
        const alone: Plain = { locals: [local], values };
        return (
          !finished &&
          holds === 0 &&
          edges.some(({ wants }, index) => wants !== 0 && stepOf(model, alone, 0, index))
        );
      });
    let set = new Map(layer.filter((state) => !waits(state)).map((state) => [key(state), state]));
    for (;;) {
      const kept = [...set].filter(([, state]) => {
        const next = steps(state, 0);
        return next.length > 0 && next.every((step) => step.kind === 'to' && set.has(key(step.state)));
      });
      if (kept.length === set.size) return kept.length > 0;
      set = new Map(kept);
    }
  }
}
