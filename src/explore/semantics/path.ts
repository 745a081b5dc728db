import type { Counterexample } from '../verdict.js';
import type { Act } from './actor.js';
import { ipOf } from './bounds.js';
import { type Draft, keyOf, type Local } from './local.js';
import type { MachineCode } from './machine-code.js';
import { EMPTY } from './store-buffer.js';
import type { Story, TaskAct, Told } from './story.js';

/** One act of a counterexample as it really is: every instruction by itself. */
export interface Telling {
  readonly acts: readonly TaskAct[];
  readonly told: readonly Told[];
  /** Of a livelock: from this act on it repeats for ever. */
  readonly loop: number | undefined;
}

/** An edge does not stand for more instructions than this. */
const LONGEST = 1_000_000;
const LONGEST_LOOP = 10_000;

/**
 * The path of a search, told act by act: where the search took several instructions at once, or a task for another in the same state, the
 * story does what really happens until the task is in the state that the search has found.
 */
export function tellPath(
  code: MachineCode,
  story: Story,
  { path, start, violation }: Counterexample,
): Telling {
  const acts: TaskAct[] = [];
  const told: Told[] = [];
  /** The tasks as the search calls them: without what nobody will read, also where that went into a handler's frame. */
  const called = [...story.tasks];
  const tell = (task: number, act: Act): Told => {
    called[task] = code.after(called[task]!, task, act, story.memory) ?? called[task]!;
    const now = story.tell({ task, act });
    acts.push({ task, act });
    told.push(now);
    return now;
  };
  const isAt = (task: number, local: Local): boolean => sameAs(code, called[task]!, local);
  const goOn = (task: number, local: Local): void => {
    if (local.place.kind === 'off' || local.place.kind === 'asleep') return;
    for (let n = 0; !isAt(task, local); n++) {
      if (n >= LONGEST) throw new Error('the path of the search cannot be told');
      if (tell(task, { kind: 'execute' }).bad !== undefined) return;
    }
  };
  let before = start;
  for (const { task, local, edge, state } of path) {
    const first = tell(task, code.acts[local]![edge]!);
    // The violation itself changes nothing: whatever is fused in front of it is gone through.
    const target = code.locals.all[state.locals[task]!]!;
    if (first.bad !== undefined) break;
    if (first.fence !== 0)
      for (const [other, next] of state.locals.entries())
        if (other !== task && onCpuOf(code, before.locals[other]!, first.fence)) {
          const behind = code.locals.all[next]!;
          // Else it is a step of its own.
          if (behind.place.kind === 'on' && behind.place.fenced) continue;
          tell(other, { kind: 'fence' });
          goOn(other, behind);
        }
    if (state !== before) goOn(task, target);
    before = state;
  }
  if (code.memoryAt(before.memory) !== story.memory.join())
    throw new Error('memory is not what the search has found at the end of its path');
  return { acts, told, loop: violation.kind === 'livelock' ? repeat(story, acts, tell) : undefined };
}

/** Goes on with all tasks that have a CPU, in turns, until everything is as it was before. Returns with which act that began. */
function repeat(
  story: Story,
  acts: readonly TaskAct[],
  tell: (task: number, act: Act) => Told,
): number | undefined {
  const seen = new Map<string, number>();
  for (let round = 0; round < LONGEST_LOOP; round++) {
    const before = seen.get(story.key);
    if (before !== undefined) return before;
    seen.set(story.key, acts.length);
    for (const [task, { place, buffer }] of story.tasks.entries())
      if (place.kind === 'on') tell(task, { kind: buffer === EMPTY ? 'execute' : 'flush' });
  }
  return undefined;
}

function onCpuOf(code: MachineCode, local: number, fence: number): boolean {
  const { place } = code.locals.all[local]!;
  return place.kind === 'on' && ((fence >> place.cpu) & 1) === 1;
}

/** Is a task as it really is what the search calls this local? */
function sameAs(code: MachineCode, draft: Draft, local: Local): boolean {
  if (draft.place.kind !== local.place.kind || ipOf(draft) !== ipOf(local)) return false;
  const ip = ipOf(draft);
  const dead =
    code.reductions.registers && draft.place.kind !== 'finished'
      ? code.knowledge.liveness.deadAt(ip)
      : undefined;
  const registers =
    draft.place.kind === 'finished'
      ? draft.registers
      : code.world.registerFiles.moved(draft.registers, ip, dead);
  return keyOf({ ...draft, registers, owner: local.owner }) === keyOf(local);
}
