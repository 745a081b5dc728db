import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import type { Graph } from '../graph.js';
import type { ReadCell, Semantics } from '../semantics.js';
import type { Resource } from '../turns.js';
import { type Act, Actor } from './actor.js';
import type { Bad } from './bad.js';
import { Barriers } from './barriers.js';
import { armedWith, ipOf, isInside } from './bounds.js';
import { Coverage } from './coverage.js';
import { cidsOf, exchangeable } from './exchangeable.js';
import { Functions } from './functions.js';
import { Fusion } from './fusion.js';
import { AREA_USE } from './instructions.js';
import type { Knowledge } from './knowledge.js';
import { type Draft, type Local, Locals } from './local.js';
import { PrivateMemories } from './private-memory.js';
import { Anew, Refusal } from './refusal.js';
import { CID } from './resources.js';
import { startDraft } from './start-draft.js';
import { Steps } from './steps.js';
import { EMPTY, StoreBuffers } from './store-buffer.js';
import { Acts, type Choice, StoreOrder, type TsoStep } from './store-order.js';
import { hasStoreOrder, type World } from './world.js';

/** Which ways of making the search smaller are in use (docs/explore.md). */
export interface Reductions {
  /** Tasks in the same state are interchangeable. */
  readonly symmetry: boolean;
  /** Instructions that nobody else can notice are done together with the next one that somebody can. */
  readonly fusion: boolean;
  /** Registers that nobody will read are taken for 0. */
  readonly registers: boolean;
  /** CPUs, and mm_cids, are interchangeable. */
  readonly cpus: boolean;
  /** Of transitions that may come in any order some sleep, where another order leads to the same. */
  readonly sleep: boolean;
}

const OPERATION: number | undefined = (SCENARIO_CALLS as Readonly<Record<string, number>>)['operation'];

/** A resource of the search that every step wants and nobody holds, until the process is over. */
const ALIVE = 1 << 15;

const isOver = ({ place }: Pick<Draft, 'place'>): boolean => place.kind === 'finished' && place.over === true;

/** Real machine code under the real rules of the kernel model, as decision trees. */
export class MachineCode implements Semantics {
  readonly tasks: number;
  readonly exchangeable: readonly (readonly Resource[])[];
  readonly locals = new Locals();
  readonly bad: Bad[] = [];
  readonly coverage = new Coverage();
  readonly values: bigint[] = [];
  readonly acts: (readonly Act[])[] = [];
  readonly memories: PrivateMemories;
  readonly buffers = new StoreBuffers();
  /** Undefined: it makes no difference when stores reach memory. */
  readonly order: StoreOrder | undefined;
  private readonly real: Acts;
  private readonly steps: Steps;
  private readonly functions: Functions;
  private readonly valueIds = new Map<bigint, number>();
  private readonly fusion: Fusion;
  private readonly operations = new Map<number, boolean>();
  private graph: Graph | undefined;

  constructor(
    readonly world: World,
    readonly knowledge: Knowledge,
    readonly reductions: Reductions,
    private readonly oracle: (locals: readonly Local[], memory: string) => Bad | undefined,
    /** Tasks never run at the same time: they do the same without store buffers, for each sees its own stores. */
    undisturbed = false,
  ) {
    this.tasks = world.tasks.length;
    this.exchangeable = reductions.cpus ? exchangeable(world, knowledge) : [];
    this.memories = new PrivateMemories(knowledge.stack);
    knowledge.cells.renew();
    const deadAt = reductions.registers ? (ip: number) => knowledge.liveness.deadAt(ip) : undefined;
    const actor = new Actor(world, knowledge.cells, this.memories, deadAt);
    this.real = new Acts(actor, this.buffers);
    this.steps = new Steps(world, knowledge, actor, this.memories, this.coverage, deadAt);
    const { storeBuffer, cpus } = world.settings;
    if (hasStoreOrder(world) && !undisturbed)
      this.order = new StoreOrder(this.steps, this.buffers, new Barriers(world), storeBuffer, cpus);
    this.fusion = new Fusion(
      world,
      knowledge,
      this.steps,
      this.memories,
      this.coverage,
      (draft) => this.resumes(draft).map(({ act }) => act),
      (draft) => knowledge.rangeOf(armedWith(draft)),
      (draft) => this.order?.mustFlush(draft) === true,
    );
    this.functions = new Functions(world, knowledge.cells);
  }

  start(graph: Graph): readonly number[] {
    this.graph = graph;
    const { cells } = this.knowledge;
    for (const cell of cells.words.keys()) graph.addCell(this.valueId(cells.initial(cell)));
    return this.world.starts.map((_, index) => {
      const draft = startDraft(this.world, cells, this.memories, index, this.ownerOf(index));
      return this.local(graph, this.settled(draft)).id;
    });
  }

  private ownerOf(task: number): number {
    const { classes } = this.knowledge;
    const first = classes[task]!;
    const alone = classes.indexOf(first, first + 1) < 0;
    return this.knowledge.symmetric && !alone ? -1 - first : task;
  }

  resolve(graph: Graph, local: number, edge: number, value: ReadCell): void {
    const act = this.acts[local]![edge]!;
    const draft = this.locals.all[local]!;
    // The process is over: nothing happens any more.
    if (draft.place.kind === 'finished') {
      graph.setLeaf(graph.rootOf(local, edge), local);
      return;
    }
    const outcome: TsoStep = (this.order ?? this.steps).take(
      draft,
      act,
      (cell) => this.values[value(cell)]!,
    )!;
    let node = graph.rootOf(local, edge);
    for (const cell of outcome.reads) {
      graph.setRead(node, cell);
      node = graph.child(node, value(cell));
    }
    if (outcome.waits) {
      graph.setDisabled(node);
      return;
    }
    if (outcome.bad !== undefined) {
      graph.setBad(node, this.bad.push(outcome.bad) - 1);
      return;
    }
    if (outcome.fence !== 0) this.knowledge.fence();
    if (isOver(outcome.next!)) this.knowledge.over();
    const stores = outcome.stores.map(([cell, word]) => [cell, this.valueId(word)] as const);
    graph.setLeaf(node, this.local(graph, this.settled(outcome.next!)).id, stores, outcome.fence);
  }

  fence(graph: Graph, local: number): void {
    const draft = this.locals.all[local]!;
    // Its membarrier has waited for that.
    if (draft.buffer !== EMPTY) throw new Error('a fence finds stores that wait');
    const outcome = this.steps.take(draft, { kind: 'fence' });
    if (outcome === undefined)
      throw new Refusal(
        'membarrier(2) interrupts a task whose section is stated in memory that a task writes: that cannot be explored',
      );
    const { place } = draft;
    // What kills it is a step by itself: the next one of the task.
    const next =
      outcome.bad !== undefined && place.kind === 'on'
        ? { ...draft, place: { ...place, fenced: true as const } }
        : this.settled(outcome.next!);
    graph.setFence(local, this.local(graph, next).id);
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
    return this.real.run(draft, task, act, (cell) => memory[cell]!).next;
  }

  /** All cells of a memory of the search, by its number, or of what it becomes by a turn. */
  memoryAt(memory: number, turn = 0): string {
    const read = this.graph!.reader(memory);
    if (turn === 0) return this.memoryText(read);
    return this.memoryText((cell) => this.graph!.memory.turned!.valueIn(read, turn, cell));
  }
  /** Ways to exchange resources. */
  get turns(): number {
    return this.graph!.turns?.count ?? 1;
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
    const range = this.knowledge.rangeOf(armedWith(draft));
    return range !== undefined && isInside(range, ipOf(draft));
  }

  /** What a task's state is the same as, where it stands for others: in the order in which it does that, or (`loop`) in any. */
  meaningOf(draft: Draft): { readonly loop: boolean; readonly all: readonly (Draft | string)[] } | undefined {
    const all = this.reductions.fusion ? this.fusion.meaningOf(draft) : undefined;
    return all && { loop: draft.place.kind === 'on', all };
  }

  /** Where a task really is when nobody looks: behind the instructions that only it can notice. */
  private settled(draft: Draft): Draft {
    return this.reductions.fusion ? this.fusion.settled(draft) : draft;
  }

  private local(graph: Graph, draft: Draft): Local {
    const local = this.locals.of(draft);
    if (local.id < this.acts.length) return local;
    const choices = this.choices(local);
    this.acts.push(choices.map(({ act }) => act));
    const alive = this.knowledge.overs && !isOver(local) ? ALIVE : 0;
    graph.addLocal(
      this.holds(local),
      local.place.kind === 'finished' && !isOver(local),
      choices.map(({ wants, cost }, label) => ({ label, cost, wants: wants | alive })),
    );
    if (isOver(local)) graph.over.add(local.id);
    return local;
  }

  private holds(local: Local): number {
    if (isOver(local)) return ALIVE;
    const { place } = local;
    return place.kind === 'on' ? this.wanted(place) | (this.order?.held(local) ?? 0) : 0;
  }

  private choices(local: Local): readonly Choice[] {
    const { place, signals } = local;
    // An edge that leads nowhere: a process that is over has come to its end, not to a stop.
    if (place.kind === 'finished')
      return isOver(local) ? [{ act: { kind: 'execute' }, cost: 0, wants: 0 }] : [];
    if (place.kind === 'off') return this.resumes(local);
    if (place.kind === 'asleep') {
      const resumes = this.resumes(local);
      if (local.kernel.wait?.deadline === undefined) return resumes;
      return [
        ...resumes,
        ...resumes.map((each) => ({ ...each, act: { ...each.act, expired: true as const } })),
      ];
    }
    if (place.fenced) return [{ act: { kind: 'fence' }, cost: 0, wants: 0 }];
    const usual: Choice[] = [
      { act: { kind: 'execute' }, cost: 0, wants: 0 },
      { act: { kind: 'preempt' }, cost: 1, wants: 0 },
      // A signal for a task that stands still waits until it goes on.
      ...(local.kernel.traced === undefined ? [...new Set(signals)] : []).map((signal) => ({
        act: { kind: 'signal', signal } as const,
        cost: 1 as const,
        wants: 0,
      })),
    ];
    return this.order?.choices(local, usual) ?? usual;
  }

  private resumes({ owner }: Draft): (Choice & { readonly act: Extract<Act, { kind: 'resume' }> })[] {
    const { begun, settings, tasks } = this.world;
    const { cpus } = settings;
    const cids = this.knowledge.cids ? cidsOf(this.world) : 1;
    const all = Array.from({ length: cpus * cids }, (_, n) => {
      const where = { cpu: Math.floor(n / cids), cid: n % cids };
      return { act: { kind: 'resume', ...where } as const, cost: 1 as const, wants: this.wanted(where) };
    });
    const affinity = begun ? tasks[owner]!.affinity : -1n;
    return affinity === -1n ? all : all.filter(({ act }) => ((affinity >> BigInt(act.cpu)) & 1n) === 1n);
  }

  /** Resources of the search: CPUs, and mm_cids where they matter. */
  private wanted({ cpu, cid }: { cpu: number; cid: number }): number {
    return (1 << cpu) | (this.knowledge.cids ? 1 << (CID + cid) : 0);
  }

  valueId(value: bigint): number {
    let id = this.valueIds.get(value);
    if (id === undefined) {
      id = this.values.push(value) - 1;
      this.valueIds.set(value, id);
    }
    return id;
  }
}

/** Some CPUs, or mm_cids, are taken for one another. */
export const isAlike = ({ exchangeable: classes }: MachineCode): boolean =>
  classes.some(({ length }) => length > 1);
