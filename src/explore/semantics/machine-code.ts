import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import type { Graph } from '../graph.js';
import type { ReadCell, Semantics } from '../semantics.js';
import { type Act, Actor, type Bad } from './actor.js';
import { armedWith, ipOf, isInside, rangeAt } from './bounds.js';
import { Coverage } from './coverage.js';
import { Functions } from './functions.js';
import { AREA_USE } from './instructions.js';
import type { Knowledge } from './knowledge.js';
import type { AbortRange } from './liveness.js';
import { type Draft, keyOf, type Local, Locals } from './local.js';
import { PrivateMemories } from './private-memory.js';
import { Anew } from './refusal.js';
import { Steps } from './steps.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** Which ways of making the search smaller are in use (docs/explore.md). */
export interface Reductions {
  /** Tasks in the same state are interchangeable. */
  readonly symmetry: boolean;
  /** Instructions that nobody else can notice are done together with the next one that somebody can. */
  readonly fusion: boolean;
  /** Registers that nobody will read are taken for 0. */
  readonly registers: boolean;
}

const OPERATION: number | undefined = (SCENARIO_CALLS as Readonly<Record<string, number>>)['operation'];
/** Instructions that are fused at most. */
const LONGEST = 100_000;

/** Real machine code under the real rules of the kernel model, as decision trees. */
export class MachineCode implements Semantics {
  readonly tasks: number;
  readonly locals = new Locals();
  readonly bad: Bad[] = [];
  readonly coverage = new Coverage();
  readonly values: bigint[] = [];
  readonly acts: (readonly Act[])[] = [];
  readonly memories = new PrivateMemories();
  private readonly actor: Actor;
  private readonly steps: Steps;
  private readonly functions: Functions;
  private readonly valueIds = new Map<bigint, number>();
  /** Where fused instructions lead, by key. */
  private readonly normal = new Map<string, Draft>();
  /** Off-CPU locals by what they do when they get a CPU. */
  private readonly waiting = new Map<string, Draft>();
  private readonly operations = new Map<number, boolean>();
  private graph: Graph | undefined;
  private readonly ranges = new Map<bigint, AbortRange | undefined>();

  constructor(
    readonly world: World,
    readonly knowledge: Knowledge,
    readonly reductions: Reductions,
    private readonly oracle: (locals: readonly Local[], memory: string) => Bad | undefined,
    /** Every instruction that looks at the number of its CPU is one by itself: for who wants to know where operations begin. */
    private readonly stops = false,
  ) {
    this.tasks = world.tasks.length;
    knowledge.cells.renew();
    const deadAt = reductions.registers ? (ip: number) => knowledge.liveness.deadAt(ip) : undefined;
    this.actor = new Actor(world, knowledge.cells, this.memories, deadAt);
    this.steps = new Steps(world, knowledge, this.actor, this.memories, this.coverage, deadAt);
    this.functions = new Functions(world, knowledge.cells);
  }

  start(graph: Graph): readonly number[] {
    this.graph = graph;
    const { cells } = this.knowledge;
    for (const cell of cells.words.keys()) graph.addCell(this.valueId(cells.initial(cell)));
    const { signals, tasks } = this.world.scenario;
    return this.world.starts.map(({ registers, words, kernel }, index) => {
      const draft: Draft = {
        place: { kind: 'off' },
        registers,
        memory: this.memories.change(this.memories.empty, words, 0),
        kernel,
        signals: signals.flatMap((signal, n) => (signal.task === tasks[index]!.name ? [n] : [])),
        results: [],
        owner: this.reductions.symmetry && this.knowledge.symmetric ? -1 : index,
      };
      return this.local(graph, draft).id;
    });
  }

  resolve(graph: Graph, local: number, edge: number, value: ReadCell): void {
    const outcome = this.steps.take(
      this.locals.all[local]!,
      this.acts[local]![edge]!,
      (cell) => this.values[value(cell)]!,
    )!;
    let node = graph.rootOf(local, edge);
    for (const cell of outcome.reads) {
      graph.setRead(node, cell);
      node = graph.child(node, value(cell));
    }
    if (outcome.bad !== undefined) {
      graph.setBad(node, this.bad.push(outcome.bad) - 1);
      return;
    }
    const stores = outcome.stores.map(([cell, word]) => [cell, this.valueId(word)] as const);
    graph.setLeaf(node, this.local(graph, this.settled(outcome.next!)).id, stores, outcome.fence);
  }

  fence(graph: Graph, local: number): void {
    const outcome = this.steps.take(this.locals.all[local]!, { kind: 'fence' }, () => 0n)!;
    if (outcome.bad !== undefined) throw new Error('a fence cannot be a violation');
    graph.setFence(local, this.local(graph, this.settled(outcome.next!)).id);
  }

  memory(value: ReadCell): number | undefined {
    const { invariant } = this.world.scenario;
    if (invariant === undefined) return undefined;
    const { returned, failed } = this.functions.call(invariant, (cell) => this.values[value(cell)]!);
    if (failed !== undefined) return this.bad.push({ kind: 'invariant', text: failed }) - 1;
    if ((returned! & 0xffff_ffffn) !== 0n) return undefined;
    return this.bad.push({ kind: 'invariant', text: 'the invariant does not hold' }) - 1;
  }

  end(locals: readonly number[], value: ReadCell): number | undefined {
    const { finally: last } = this.world.scenario;
    if (last !== undefined) {
      const { failed } = this.functions.call(last, (cell) => this.values[value(cell)]!);
      if (failed !== undefined) return this.bad.push({ kind: 'final', text: failed }) - 1;
    }
    const bad = this.oracle(
      locals.map((local) => this.locals.all[local]!),
      this.memoryText(value),
    );
    return bad && this.bad.push(bad) - 1;
  }

  /** A task behind one act, which it really does; undefined where that is a violation. */
  after(draft: Draft, task: number, act: Act, memory: readonly bigint[]): Draft | undefined {
    return this.actor.run(draft, task, act, (cell) => memory[cell]!).next;
  }

  /** All cells of a memory of the search, by its number. */
  memoryAt(memory: number): string {
    return this.memoryText(this.graph!.reader(memory));
  }

  /** All cells of a memory. */
  memoryText(value: ReadCell): string {
    return this.knowledge.cells.words.map((_, cell) => this.values[value(cell)]!).join();
  }

  /** The task's next instruction looks at the number of its CPU, or says that an operation begins. */
  beginsOperation(local: Local): boolean {
    let known = this.operations.get(local.id);
    if (known === undefined) {
      try {
        const { call, area } = this.steps.take(local, { kind: 'execute' }, () => 0n)!;
        known = (area & AREA_USE.ids) !== 0 || (call !== undefined && call === OPERATION);
      } catch (error) {
        if (error instanceof Anew) throw error;
        known = false;
      }
      this.operations.set(local.id, known);
    }
    return known;
  }

  /** The task is inside the section that its rseq_cs names. */
  isInSection(draft: Draft): boolean {
    const range = this.rangeOf(armedWith(draft));
    return range !== undefined && isInside(range, ipOf(draft));
  }

  /** Where a task really is when nobody looks: behind the instructions that only it can notice. */
  private settled(draft: Draft): Draft {
    if (!this.reductions.fusion) return draft;
    if (draft.place.kind === 'off') return this.parked(draft);
    if (draft.place.kind !== 'on') return draft;
    const chain: string[] = [];
    let at = draft;
    for (;;) {
      const key = keyOf(at);
      const known = this.normal.get(key);
      if (known !== undefined) at = known;
      if (known !== undefined || chain.includes(key) || chain.length >= LONGEST) break;
      chain.push(key);
      const next = this.unnoticed(at);
      if (next === undefined) break;
      at = next;
    }
    for (const key of chain) this.normal.set(key, at);
    return at;
  }

  /** The state behind the next instruction, if neither another task nor the kernel could tell the two apart. */
  private unnoticed(draft: Draft): Draft | undefined {
    const outcome = this.steps.take(draft, { kind: 'execute' });
    const { plain, next, stores, area } = outcome ?? {};
    if (!plain || next === undefined || stores!.length > 0) return undefined;
    if (area !== 0 && !this.readsInside(draft, area!)) return undefined;
    // A handler could look at the task's own memory.
    const handlers = draft.signals.length > 0 || draft.kernel.pending.length > 0;
    if (handlers && draft.owner >= 0 && draft.memory !== next.memory) return undefined;
    const pointer = armedWith(draft);
    if (pointer === 0n) return next;
    const range = this.rangeOf(pointer);
    if (range === undefined) return undefined;
    const inside = isInside(range, ipOf(draft));
    if (inside !== isInside(range, ipOf(next))) return undefined;
    if (!inside) return next;
    if (this.world.kernel.rules.noRestartFlags === 'honoured') return undefined;
    if (keyOf(this.aborted(draft, range)) !== keyOf(this.aborted(next, range))) return undefined;
    this.coverage.of(range).add(ipOf(draft)).add(ipOf(next));
    return next;
  }

  /** It only reads its struct rseq, which changes only where its section is aborted. */
  private readsInside(draft: Draft, area: number): boolean {
    return !this.stops && (area & AREA_USE.write) === 0 && this.isInSection(draft);
  }

  /** The section that a descriptor states: of one that is constant, so it is asked once. */
  private rangeOf(pointer: bigint): AbortRange | undefined {
    if (pointer === 0n) return undefined;
    const known = this.ranges.get(pointer);
    if (known !== undefined || this.ranges.has(pointer)) return known;
    const { cells } = this.knowledge;
    const { windows } = this.world;
    const range = rangeAt(
      this.world,
      pointer,
      (word) =>
        cells.of(word) === undefined &&
        !windows.some(({ start, end }) => word * WORD >= start && word * WORD < end),
    );
    if (range !== undefined) this.knowledge.section(range);
    this.ranges.set(pointer, range);
    return range;
  }

  /** Tasks off CPU that will do the same wherever they go on are one. */
  private parked(draft: Draft): Draft {
    const ways: string[] = [];
    for (const { act } of this.resumes()) {
      const outcome = this.steps.take(draft, act);
      // The descriptor of its section may change: what it will do is not known.
      if (outcome === undefined) return draft;
      const { bad, next } = outcome;
      ways.push(bad === undefined ? keyOf(this.settled(next!)) : bad.text);
    }
    const key = ways.join('\n');
    const known = this.waiting.get(key);
    if (known !== undefined) return known;
    this.waiting.set(key, draft);
    return draft;
  }

  private local(graph: Graph, draft: Draft): Local {
    const local = this.locals.of(draft);
    if (local.id < this.acts.length) return local;
    const choices = this.choices(local);
    this.acts.push(choices.map(({ act }) => act));
    const { place } = local;
    graph.addLocal(
      place.kind === 'on' ? this.wanted(place) : 0,
      place.kind === 'finished',
      choices.map(({ wants, cost }, label) => ({ label, cost, wants })),
    );
    return local;
  }

  private choices({ place, signals }: Local): { act: Act; cost: 0 | 1; wants: number }[] {
    if (place.kind === 'finished') return [];
    if (place.kind === 'off') return this.resumes();
    return [
      { act: { kind: 'execute' }, cost: 0, wants: 0 },
      { act: { kind: 'preempt' }, cost: 1, wants: 0 },
      ...signals.map((signal) => ({ act: { kind: 'signal', signal } as const, cost: 1 as const, wants: 0 })),
    ];
  }

  private resumes(): { act: Act; cost: 1; wants: number }[] {
    const { cpus } = this.world.settings;
    const cids = this.knowledge.cids ? Math.min(cpus, this.tasks) : 1;
    return Array.from({ length: cpus * cids }, (_, n) => {
      const where = { cpu: Math.floor(n / cids), cid: n % cids };
      return { act: { kind: 'resume', ...where }, cost: 1, wants: this.wanted(where) };
    });
  }

  /** Resources of the search: CPUs, and mm_cids where they matter. */
  private wanted({ cpu, cid }: { cpu: number; cid: number }): number {
    return (1 << cpu) | (this.knowledge.cids ? 1 << (16 + cid) : 0);
  }

  valueId(value: bigint): number {
    let id = this.valueIds.get(value);
    if (id === undefined) {
      id = this.values.push(value) - 1;
      this.valueIds.set(value, id);
    }
    return id;
  }

  /** The task as it is when its section is aborted here. */
  aborted(draft: Draft, { abort }: AbortRange): Draft {
    const dead = this.reductions.registers ? this.knowledge.liveness.deadAt(abort) : undefined;
    return { ...draft, registers: this.world.registerFiles.moved(draft.registers, abort, dead) };
  }
}
