import type { Range } from './context.js';
import type { Engine } from './engine.js';
import type { State, Stepper } from './stepper.js';

/**
 * Livelock: a set of states of one layer that no edge of cost 0 leaves, with at least one such edge in each, in which every task that has
 * not finished runs: it holds a CPU, or waits for something else than a CPU (the memory disables its edges). So without a further
 * interruption the tasks run for ever and nobody finishes; that nobody waits for a CPU means that there is no switch left that would
 * have come without an interruption.
 *
 * On such a way a task's local comes back sooner or later, so some running task's local lies on a cycle of the graph of locals under edges
 * of cost 0: only such states are looked at, and of those the ones are taken away, until none is left to take, that have no edge of
 * cost 0 or one that leads to another state. Successors of cost 0 lie in the same layer or in an earlier one; were one of them in an earlier
 * one, so would be all that follows, and the livelock would have been found there.
 *
 * Returns the addresses of the states of the largest such set, in the order of the ranges.
 */
export function livelocked(engine: Engine, cycles: Cycles, ranges: readonly Range[]): number[] {
  if (!cycles.update()) return [];
  const { stepper, store } = engine;
  const { tasks, shift } = engine.shape;
  const key = (state: State): string => stepper.keyOf(state, engine.settings.symmetry);
  const candidates = new Map<string, { address: number; successors: string[]; alive: boolean }>();
  for (const address of engine.addresses(ranges)) {
    if (!cycles.mayTurn(store.i32, address / 4, tasks, shift)) continue;
    const state = engine.stateAt(address);
    if (state.locals.some((local, slot) => isWaiting(stepper, state, local, slot))) continue;
    const successors = costFree(stepper, state);
    if (successors !== undefined)
      candidates.set(key(state), { address, successors: successors.map(key), alive: true });
  }
  const before = new Map<string, string[]>();
  for (const [from, { successors }] of candidates)
    for (const to of successors) {
      const list = before.get(to);
      if (list === undefined) before.set(to, [from]);
      else list.push(from);
    }
  const gone = [...candidates].filter(([, { successors }]) => successors.some((to) => !candidates.has(to)));
  for (const [, each] of gone) each.alive = false;
  const queue = gone.map(([from]) => from);
  for (let next = queue.pop(); next !== undefined; next = queue.pop())
    for (const from of before.get(next) ?? []) {
      const each = candidates.get(from)!;
      if (!each.alive) continue;
      each.alive = false;
      queue.push(from);
    }
  return [...candidates.values()].filter(({ alive }) => alive).map(({ address }) => address);
}

/** An unfinished task without a CPU that could go on, had it what its edge wants. */
function isWaiting(stepper: Stepper, state: State, local: number, slot: number): boolean {
  const { graph } = stepper;
  if (graph.finished(local) || (graph.holds(local) & 0xffff) !== 0) return false;
  const { to } = stepper.edges(local, 1);
  for (let { from: position } = stepper.edges(local, 0); position < to; position++)
    if (graph.wants(position) !== 0 && stepper.take(state, slot, position).kind !== 'disabled') return true;
  return false;
}

/** Where edges of cost 0 lead; undefined where there are none, or one is a violation. */
function costFree(stepper: Stepper, state: State): State[] | undefined {
  const successors: State[] = [];
  for (const [slot, local] of state.locals.entries()) {
    const { from, to } = stepper.edges(local, 0);
    for (let position = from; position < to; position++) {
      if (!stepper.isFree(state, slot, position)) continue;
      const outcome = stepper.take(state, slot, position);
      if (outcome.kind === 'violation') return undefined;
      if (outcome.kind === 'to') successors.push(outcome.state);
    }
  }
  return successors.length === 0 ? undefined : successors;
}

/** What a task in a local can be in a livelock: nothing, one that stands (finished, asleep), or one that comes round. */
const ROLE = { none: 0, stands: 1, turns: 2 } as const;

/** Which locals lie on cycles of edges of cost 0 and fences. */
export class Cycles {
  private version = -1;
  private roles = new Uint8Array(0);
  private any = false;
  constructor(private readonly stepper: Stepper) {}

  /** Finds the cycles anew where more is known; whether there are any. */
  update(): boolean {
    const { graph } = this.stepper;
    if (this.version === graph.version) return this.any;
    this.version = graph.version;
    const cyclic = onCycles(graph.locals, (local) => graph.links[local]!);
    this.any = cyclic.includes(true);
    if (this.any) this.roles = Uint8Array.from(cyclic, (each, local) => this.roleOf(local, each));
    return this.any;
  }

  private roleOf(local: number, cyclic: boolean): number {
    const { graph } = this.stepper;
    if (graph.over.has(local)) return ROLE.none;
    if (graph.finished(local)) return ROLE.stands;
    if ((graph.holds(local) & 0xffff) === 0) {
      const { to } = this.stepper.edges(local, 1);
      for (let { from: position } = this.stepper.edges(local, 0); position < to; position++)
        if (graph.wants(position) !== 0 && graph.isPlain(position)) return ROLE.none;
    }
    if (cyclic) return ROLE.turns;
    const { from, to } = this.stepper.edges(local, 0);
    return from === to || graph.disables || graph.contended ? ROLE.stands : ROLE.none;
  }

  /** Whether a state, by its place in the store, is worth a closer look. */
  mayTurn(i32: Int32Array, at: number, tasks: number, shift: number): boolean {
    let turns = false;
    for (let slot = 0; slot < tasks; slot++) {
      const role = this.roles[i32[at + slot]! >>> shift];
      if (role === ROLE.none) return false;
      turns ||= role === ROLE.turns;
    }
    return turns;
  }
}

/** Which nodes of a graph lie on a cycle: Tarjan's strongly connected components, without recursion. */
export function onCycles(count: number, successors: (node: number) => readonly number[]): boolean[] {
  const cyclic: boolean[] = Array(count).fill(false);
  const index = new Int32Array(count);
  const low = new Int32Array(count);
  const open = new Uint8Array(count);
  const component: number[] = [];
  let next = 1;
  for (let root = 0; root < count; root++) {
    if (index[root] !== 0) continue;
    const way: { node: number; targets: readonly number[]; at: number }[] = [];
    const enter = (node: number): void => {
      index[node] = next;
      low[node] = next++;
      open[node] = 1;
      component.push(node);
      way.push({ node, targets: successors(node), at: 0 });
    };
    enter(root);
    while (way.length > 0) {
      const top = way.at(-1)!;
      const { node } = top;
      const target = top.targets[top.at++];
      if (target !== undefined) {
        if (target === node) cyclic[node] = true;
        if (index[target] === 0) enter(target);
        else if (open[target] === 1) low[node] = Math.min(low[node]!, index[target]!);
        continue;
      }
      way.pop();
      const above = way.at(-1);
      if (above !== undefined) low[above.node] = Math.min(low[above.node]!, low[node]!);
      if (low[node] !== index[node]) continue;
      const members = component.splice(component.indexOf(node));
      for (const each of members) {
        open[each] = 0;
        if (members.length > 1) cyclic[each] = true;
      }
    }
  }
  return cyclic;
}
