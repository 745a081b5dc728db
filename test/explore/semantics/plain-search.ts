import { type Act, Actor } from '../../../src/explore/semantics/actor.js';
import { Knowledge } from '../../../src/explore/semantics/knowledge.js';
import { type Draft, keyOf } from '../../../src/explore/semantics/local.js';
import { PrivateMemories } from '../../../src/explore/semantics/private-memory.js';
import { Anew } from '../../../src/explore/semantics/refusal.js';
import type { Settings } from '../../../src/explore/semantics/settings.js';
import { EMPTY } from '../../../src/explore/semantics/store-buffer.js';
import { World } from '../../../src/explore/semantics/world.js';
import type { Program } from '../../../src/kernel/program.js';
import { CodeReader } from '../../../src/machine/decode.js';

interface State {
  readonly tasks: readonly Draft[];
  readonly memory: readonly bigint[];
}

export interface Plain {
  readonly states: number;
  readonly memories: number;
  /** A task was killed, crashed, or an assertion did not hold. */
  readonly bad: boolean;
}

/**
 * All states of a scenario, in the plainest way: every act of every task really done, in every state, nothing remembered of one for another, and
 * no reduction. Without mm_cids, membarrier(2), and invariants.
 */
export function plainSearch(program: Program, settings: Settings): Plain {
  const world = new World(program, settings);
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  for (;;) {
    knowledge.cells.renew();
    try {
      return search(world, knowledge);
    } catch (error) {
      if (!(error instanceof Anew)) throw error;
    }
  }
}

function search(world: World, { cells }: Knowledge): Plain {
  const memories = new PrivateMemories();
  const actor = new Actor(world, cells, memories, undefined);
  const { signals, tasks } = world.scenario;
  const seen = new Set<string>();
  const contents = new Set<string>();
  const todo: State[] = [];
  let bad = false;
  const add = (state: State): void => {
    const key = `${state.tasks.map(keyOf).join('/')}/${state.memory}`;
    if (seen.has(key)) return;
    seen.add(key);
    contents.add(state.memory.join());
    todo.push(state);
  };
  add({
    tasks: world.starts.map(({ registers, words, kernel }, index) => ({
      place: { kind: 'off' },
      registers,
      memory: memories.change(memories.empty, words, 0),
      kernel,
      signals: signals.flatMap((signal, n) => (signal.task === tasks[index]!.name ? [n] : [])),
      results: [],
      owner: index,
      handlers: [],
      buffer: EMPTY,
    })),
    memory: cells.words.map((_, cell) => cells.initial(cell)),
  });
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const { tasks: before, memory } = state;
    for (const [index, task] of before.entries()) {
      for (const act of actsOf(task, before, world.settings.cpus)) {
        const { next, stores, bad: wrong } = actor.run(task, index, act, (cell) => memory[cell]!);
        bad ||= wrong !== undefined;
        if (next === undefined) continue;
        const behind = memory.slice();
        for (const [cell, value] of stores) behind[cell] = value;
        add({ tasks: before.with(index, next), memory: behind });
      }
    }
  }
  return { states: seen.size, memories: contents.size, bad };
}

function actsOf({ place, signals }: Draft, tasks: readonly Draft[], cpus: number): Act[] {
  if (place.kind === 'finished') return [];
  if (place.kind === 'on')
    return [
      { kind: 'execute' },
      { kind: 'preempt' },
      ...signals.map((signal) => ({ kind: 'signal', signal }) as const),
    ];
  const isFree = (cpu: number): boolean =>
    !tasks.some(({ place: other }) => other.kind === 'on' && other.cpu === cpu);
  return Array.from({ length: cpus }, (_, cpu) => cpu)
    .filter(isFree)
    .map((cpu) => ({ kind: 'resume', cpu, cid: 0 }));
}
