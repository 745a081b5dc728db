import { logUniform, randomWords } from '../../kernel/random.js';
import { type Act, Actor } from './actor.js';
import { Coverage } from './coverage.js';
import type { Knowledge } from './knowledge.js';
import type { Draft } from './local.js';
import { PrivateMemories, type PrivateMemory } from './private-memory.js';
import { Anew } from './refusal.js';
import { startDraft } from './start-draft.js';
import { type Step, Steps } from './steps.js';
import { fromLocal, placeIn } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** Walks, and steps of one at most. */
const WALKS = 8;
const LONGEST = 6000;
/** In the longest, so many instructions of a task come one after the other. */
const RUNS = [LONGEST, 300, 30, 3] as const;

/**
 * Runs a program a few times in ways made up, to learn what is shared and how its code hangs together. A search would find that out as well, but
 * begins again with each thing that is new.
 */
export function rehearse(world: World, knowledge: Knowledge): void {
  const random = randomWords(1);
  for (let walk = 0; walk < WALKS; walk++)
    new Walk(world, knowledge, random).go(walk % world.tasks.length, RUNS[walk % RUNS.length]!);
}

class Walk {
  private readonly tasks: Draft[];
  /** By word of a cell. */
  private readonly memory = new Map<number, bigint>();
  private readonly steps: Steps;
  private readonly memories: PrivateMemories;
  /** What tasks that have ended have left behind. */
  private readonly left: PrivateMemory[] = [];

  constructor(
    private readonly world: World,
    private readonly knowledge: Knowledge,
    private readonly random: Uint32Array,
  ) {
    const { cells } = knowledge;
    this.memories = new PrivateMemories(knowledge.stack);
    const actor = new Actor(world, cells, this.memories, undefined);
    this.steps = new Steps(world, knowledge, actor, this.memories, new Coverage(), undefined);
    cells.renew();
    for (const [cell, word] of cells.words.entries()) this.memory.set(word, cells.initial(cell));
    this.tasks = world.starts.map((_, index) => startDraft(world, cells, this.memories, index, index));
  }

  /** Takes cells that were found into use: they hold what they held before. */
  private renew(): void {
    const { world, memory, tasks } = this;
    const { cells } = this.knowledge;
    cells.renew();
    for (const [cell, word] of cells.words.entries()) {
      if (memory.has(word)) continue;
      const owner = world.ownerOf(word);
      if (owner === undefined) {
        memory.set(word, cells.initial(cell));
        continue;
      }
      const window = world.windows[owner]!;
      const own = placeIn(window, word * WORD)! / WORD;
      const draft = tasks[owner]!;
      const left = this.left[owner] ?? draft.memory;
      memory.set(word, fromLocal(left.words.get(own) ?? 0n, window));
      tasks[owner] = { ...draft, memory: this.memories.change(draft.memory, [[own, 0n]], 0) };
    }
  }

  /** Tasks in turns, `first` first, for up to `run` steps each. */
  go(first: number, run: number): void {
    const { tasks } = this;
    let steps = 0;
    for (
      let idle = 0, task = first;
      idle < tasks.length && steps < LONGEST;
      task = (task + 1) % tasks.length
    ) {
      const most = run === LONGEST ? run : logUniform(this.random, 1, run);
      let done = 0;
      while (done < most && this.step(task)) done++;
      steps += done;
      idle = done === 0 ? idle + 1 : 0;
      // Others want the CPU.
      if (tasks[task]!.place.kind === 'on') this.act(task, { kind: 'preempt' });
    }
  }

  /** False where the task cannot go on. */
  private step(task: number): boolean {
    const { place, kernel } = this.tasks[task]!;
    if (place.kind === 'finished') return false;
    if (place.kind === 'on') return this.act(task, { kind: 'execute' });
    const { cpus } = this.world.settings;
    const { affinity } = this.world.tasks[task]!;
    for (let cpu = 0; cpu < cpus; cpu++) {
      const taken = this.tasks.some(({ place: other }) => other.kind === 'on' && other.cpu === cpu);
      if (taken || ((affinity >> BigInt(cpu)) & 1n) === 0n) continue;
      const resume = { kind: 'resume', cpu, cid: cpu } as const;
      if (this.act(task, resume)) return true;
      return kernel.wait?.deadline !== undefined && this.act(task, { ...resume, expired: true });
    }
    return false;
  }

  private act(task: number, act: Act): boolean {
    const { next, stores, waits } = this.taken(task, act);
    const { words } = this.knowledge.cells;
    if (next === undefined || waits) return false;
    if (next.place.kind === 'finished') this.left[task] = this.tasks[task]!.memory;
    this.tasks[task] = next;
    for (const [cell, value] of stores) this.memory.set(words[cell]!, value);
    return next.place.kind !== 'finished' || next.place.over !== true;
  }

  /** Again and again until there is nothing new about it. */
  private taken(task: number, act: Act): Step {
    for (;;) {
      try {
        const { words } = this.knowledge.cells;
        return this.steps.take(this.tasks[task]!, act, (cell) => this.memory.get(words[cell]!)!)!;
      } catch (error) {
        if (!(error instanceof Anew)) throw error;
        this.renew();
      }
    }
  }
}
