import { type Graph, KIND, KIND_BITS, LOCAL, NODE } from './graph.js';
import type { MemoryStep } from './memories.js';
import type { ReadCell, Semantics } from './semantics.js';
import { Symmetry } from './symmetry.js';

/** Why a search ended with a violation. `id` is the number that the semantics gave. */
export type Violation =
  | { readonly kind: 'bad' | 'invariant' | 'end'; readonly id: number }
  | { readonly kind: 'deadlock' | 'livelock' };

/** A global state: locals by slot, and a memory. */
export interface State {
  readonly locals: readonly number[];
  readonly memory: number;
}

/** Where an edge leads. `reads` are the cells that its tree asked for, with their values. */
export type Outcome = { readonly reads: readonly (readonly [cell: number, value: number])[] } & (
  | { readonly kind: 'to'; readonly state: State }
  | { readonly kind: 'violation'; readonly violation: Violation }
  | { readonly kind: 'disabled' }
);

/** What was asked of the semantics, in order: enough to make the same graph again. */
const ASKED = { resolve: 0, fence: 1, step: 2 } as const;
/** Words of a question in the log, by its first. */
export const ASKED_WORDS: readonly number[] = [4, 2, 3];

/**
 * Takes edges one at a time, and asks the semantics for what is not yet in the graph. With turns, states are turned so that their memory is
 * one that stands for others, unless `really` is said.
 */
export class Stepper {
  /** Triples and quadruples that begin with one of ASKED. */
  readonly log: number[] = [];
  private readonly symmetry: Symmetry | undefined;

  constructor(
    readonly graph: Graph,
    readonly semantics: Semantics,
  ) {
    const { turns } = graph;
    this.symmetry =
      turns &&
      new Symmetry(graph, turns, {
        resolve: (local, edge, value) => semantics.resolve(graph, local, edge, value),
        fence: (local) => semantics.fence(graph, local),
      });
  }

  /** The state at the start, or the violation of an invariant in it. */
  begin(): { readonly state: State; readonly violation: Violation | undefined } {
    const { graph } = this;
    const locals = this.semantics.start(graph);
    if (locals.length !== this.semantics.tasks) throw new Error('one local for each task');
    this.symmetry?.begin(locals);
    graph.memory.judge(0, this.judge);
    return { state: { locals, memory: 0 }, violation: this.invariant(0) };
  }

  private readonly judge = (memory: number): number | undefined =>
    this.everyTurn(memory, (_, read) => this.semantics.memory(read));

  /** What is the same for all that a memory becomes, asked of each: there is a violation, or there is none. */
  private everyTurn(
    memory: number,
    ask: (turn: number, read: ReadCell) => number | undefined,
  ): number | undefined {
    const { turns, memory: memories } = this.graph;
    const read = this.graph.reader(memory);
    if (turns === undefined) return ask(0, read);
    const found = Array.from({ length: turns.count }, (_, turn) =>
      ask(turn, turn === 0 ? read : (cell) => memories.turned!.valueIn(read, turn, cell)),
    );
    turns.compare(found.map((each) => `${each === undefined}`));
    return found[0];
  }

  private invariant(memory: number): Violation | undefined {
    const id = this.graph.memory.violationOf(memory);
    return id === undefined ? undefined : { kind: 'invariant', id };
  }

  resolve(local: number, edge: number, memory: number): void {
    this.log.push(ASKED.resolve, local, edge, memory);
    const read = this.graph.reader(memory);
    if (this.symmetry === undefined) this.semantics.resolve(this.graph, local, edge, read);
    else this.symmetry.resolve(local, edge, read);
  }
  fence(local: number): number {
    const { graph } = this;
    const { i32 } = graph.store;
    if (i32[graph.localAt(local) + LOCAL.fence] === 0) {
      this.log.push(ASKED.fence, local);
      if (this.symmetry === undefined) this.semantics.fence(graph, local);
      else this.symmetry.fence(local);
    }
    const next = i32[graph.localAt(local) + LOCAL.fence]!;
    if (next === 0) throw new Error(`the fence of local ${local} stays unknown`);
    return next - 1;
  }
  step(memory: number, stores: number): MemoryStep {
    const known = this.graph.memory.stepOf(memory, stores);
    if (known !== undefined) return known;
    this.log.push(ASKED.step, memory, stores);
    return this.graph.takeStep(memory, stores, this.judge);
  }
  /** Asks again what a log says. */
  replay(log: ArrayLike<number>): void {
    for (let at = 0; at < log.length; ) {
      const [kind, a, b, c] = [log[at]!, log[at + 1]!, log[at + 2]!, log[at + 3]!];
      if (kind === ASKED.resolve) this.resolve(a, b, c);
      else if (kind === ASKED.fence) this.fence(a);
      else this.step(a, b);
      at += ASKED_WORDS[kind!]!;
    }
  }

  /** The places in the table of a local's edges of one cost. */
  edges(local: number, cost: 0 | 1): { readonly from: number; readonly to: number } {
    const { graph } = this;
    const { i32 } = graph.store;
    const at = graph.localAt(local);
    const from = i32[at + LOCAL.edges]! + (cost === 1 ? i32[at + LOCAL.count0]! : 0);
    return { from, to: from + i32[at + (cost === 1 ? LOCAL.count1 : LOCAL.count0)]! };
  }

  /** Whether what an edge wants is free. */
  isFree({ locals }: State, slot: number, position: number): boolean {
    const { graph } = this;
    const wants = graph.wants(position);
    return locals.every((local, other) => other === slot || (graph.holds(local) & wants) === 0);
  }

  /** Takes an edge whose wants are free. The locals of the state it leads to stand in the same slots. `really`: without turning it. */
  take({ locals, memory }: State, slot: number, position: number, really = false): Outcome {
    const { graph } = this;
    const { i32 } = graph.store;
    const { node, reads } = this.descend(locals[slot]!, position, memory);
    const at = graph.nodeAt(node);
    const kind = i32[at]! & 7;
    const [a, stores, fence] = [i32[at + NODE.a]!, i32[at + NODE.b]!, i32[at + NODE.c]!];
    if (kind === KIND.bad) return { kind: 'violation', violation: { kind: 'bad', id: a }, reads };
    if (kind === KIND.disabled) return { kind: 'disabled', reads };
    const next = locals.map((local, other) =>
      other === slot
        ? a
        : fence !== 0 && (graph.holds(local) & fence & 0xffff) !== 0
          ? this.fence(local)
          : local,
    );
    const step = this.behind(memory, stores, really);
    const violation = this.invariant(step.memory);
    if (violation !== undefined) return { kind: 'violation', violation, reads };
    return { kind: 'to', state: { locals: this.turned(next, step.turn), memory: step.memory }, reads };
  }

  private behind(memory: number, stores: number, really: boolean): MemoryStep {
    if (stores === 0) return { memory, turn: 0 };
    if (!really) return this.step(memory, stores);
    return { memory: this.graph.memory.reallyStep(memory, stores, this.judge), turn: 0 };
  }
  /** What locals become by a turn. */
  turned(locals: readonly number[], turn: number): readonly number[] {
    return turn === 0 ? locals : locals.map((local) => this.symmetry!.image(local, turn));
  }

  /** The same for states that are one: what stands for them. `sorted`: whoever has which local. */
  keyOf({ locals, memory }: State, sorted: boolean): string {
    const text = (list: readonly number[]): string => `${sorted ? [...list].sort((a, b) => a - b) : list}:`;
    if (this.symmetry === undefined) return `${text(locals)}${memory}`;
    const memories = this.graph.memory;
    const standing = memories.standingFor(memory, this.judge);
    const first = this.turned(locals, standing.turn);
    const texts = memories.turnsThatLeave(standing.memory).map((turn) => text(this.turned(first, turn)));
    texts.push(text(first));
    return `${texts.sort()[0]}${standing.memory}`;
  }

  /** Down an edge's tree to a leaf. */
  private descend(local: number, position: number, memory: number) {
    const { graph } = this;
    const { i32 } = graph.store;
    for (let asked = 0; ; asked++) {
      const reads: [cell: number, value: number][] = [];
      let node = graph.rootAt(position);
      while (node >= 0 && (i32[graph.nodeAt(node)]! & 7) === KIND.read) {
        const cell = i32[graph.nodeAt(node)]! >>> KIND_BITS;
        const value = graph.memory.valueOf(memory, cell);
        reads.push([cell, value]);
        node = graph.childOf(node, value);
      }
      if (node >= 0 && !graph.isUnknown(node)) return { node, reads };
      if (asked > 1000) throw new Error(`edge of local ${local} stays unknown`);
      this.resolve(local, graph.edgeOf(position).edge, memory);
    }
  }

  /** Every task has finished. */
  isOver({ locals }: State): boolean {
    const { graph } = this;
    return locals.every((local) => graph.finished(local));
  }
  atEnd({ locals, memory }: State): Violation | undefined {
    const id = this.everyTurn(memory, (turn, read) => this.semantics.end(this.turned(locals, turn), read));
    return id === undefined ? undefined : { kind: 'end', id };
  }
  /** An edge of this cost can be taken. */
  canGo(state: State, cost: 0 | 1): boolean {
    return state.locals.some((local, slot) => {
      const { from, to } = this.edges(local, cost);
      for (let position = from; position < to; position++)
        if (this.isFree(state, slot, position) && this.take(state, slot, position).kind !== 'disabled')
          return true;
      return false;
    });
  }
}
