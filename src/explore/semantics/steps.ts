import { FS_BASE } from '../../kernel/registers.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import type { Act, Actor, Outcome } from './actor.js';
import { areaOf, ipOf } from './bounds.js';
import { type Coverage, rangeOf } from './coverage.js';
import { AREA_USE, type Effect } from './instructions.js';
import type { Interruption } from './interruptions.js';
import type { Knowledge } from './knowledge.js';
import type { RegisterBits } from './liveness.js';
import { type Draft, keyOf } from './local.js';
import { type PrivateMemories, stackEnd } from './private-memory.js';
import { Anew } from './refusal.js';
import { toLocalWord, wordOf } from './registers.js';
import { addressIn } from './values.js';
import type { World } from './world.js';

/** Bytes of struct rseq from its beginning that a kernel may change: nobody else's instruction is independent of it. */
const AREA = 64;
/** mm_cid. */
const CID = { from: 24, to: 28 } as const;
/** node_id and mm_cid. */
const CIDS = { from: 20, to: 28 } as const;
/** cpu_id_start and cpu_id. */
const CPU_IDS = { from: 0, to: 8 } as const;

export interface Step extends Outcome {
  /** What an instruction touches of its struct rseq: AREA_USE. */
  readonly area: number;
  /** Of its own memory without struct rseq, how far up an instruction looks or writes, in bytes from the window's beginning. */
  readonly top: number;
}

const NOTHING = {
  plain: false,
  bad: undefined,
  fence: 0,
  call: undefined,
  events: [],
  looks: [],
  reads: [],
  stores: [],
  entries: [],
  changes: [],
  constants: false,
  area: 0,
  top: 0,
} as const;
const PLAIN = { plain: true, bad: undefined, fence: 0, call: undefined, events: [], looks: [] } as const;

/**
 * Calls that do the same whose task it is. What the kernel does depends on addresses of a task's own only in their lowest bits, and windows
 * begin at pages; but others may give numbers (gettid).
 */
const anybodys = ({ calls }: World): ReadonlySet<number> =>
  new Set([calls.sigreturn, SCENARIO_CALLS.done, SCENARIO_CALLS.operation]);

/** Thrown through the machine by a run that asks for a cell where none may be asked for. */
const NEEDED = Object.assign(new Error('a cell is needed'), { look: 0 });

/**
 * Steps of tasks. Each is really made, as every task that the state may stand for, when it is asked for the first time; then it is remembered
 * by what it depends on, and done by that.
 */
export class Steps {
  private area = 0;
  private top = 0;
  private readonly anybodys: ReadonlySet<number>;

  constructor(
    private readonly world: World,
    private readonly knowledge: Knowledge,
    private readonly actor: Actor,
    private readonly memories: PrivateMemories,
    private readonly coverage: Coverage,
    private readonly deadAt: ((ip: number) => RegisterBits) | undefined,
  ) {
    this.anybodys = anybodys(world);
  }

  /** One step; undefined where it depends on a cell and no `value` is given. Throws Anew, Refusal. */
  take(draft: Draft, act: Act, value?: (cell: number) => bigint): Step | undefined {
    const { knowledge } = this;
    if (act.kind === 'execute') {
      const known = knowledge.instructions.find(draft, value);
      if (known === 'cell') return undefined;
      return known === undefined
        ? this.run(draft, act, value)
        : this.noted(draft, this.executed(draft, known));
    }
    const key = knowledge.interruptions.key(draft, act);
    const known = key === undefined ? undefined : knowledge.interruptions.find(key);
    if (known !== undefined) return this.noted(draft, this.interrupted(draft, known));
    const step = this.run(draft, act, value);
    if (key !== undefined && step !== undefined) knowledge.interruptions.learn(key, draft, step);
    return step;
  }

  private executed(draft: Draft, effect: Effect): Step {
    const { to, sets, changes } = effect;
    const { stackPointer } = this.world.arch;
    const rsp = sets.find(([word]) => word === stackPointer)?.[1] ?? wordOf(draft.registers, stackPointer);
    const next: Draft = {
      ...draft,
      registers: this.world.registerFiles.changed(draft.registers, sets, to, this.deadAt?.(to)),
      memory: this.memories.change(draft.memory, changes, stackEnd(rsp, this.world.arch)),
    };
    return { ...effect, ...PLAIN, next };
  }

  private interrupted(draft: Draft, known: Interruption): Step {
    const { place, kernel, ip = ipOf(draft), changes, constants, events } = known;
    const { arch } = this.world;
    const next: Draft = {
      ...draft,
      place,
      kernel,
      registers: this.world.registerFiles.interrupted(draft.registers, ip, this.deadAt?.(ip)),
      memory: this.memories.change(
        draft.memory,
        changes,
        stackEnd(wordOf(draft.registers, arch.stackPointer), arch),
      ),
    };
    return { ...NOTHING, next, changes, constants, events };
  }

  /** Really, as each task that the local may stand for: all must do the same. */
  private run(draft: Draft, act: Act, value: ((cell: number) => bigint) | undefined): Step | undefined {
    const { instructions } = this.knowledge;
    const writes = act.kind === 'execute' ? instructions.writes(draft) : undefined;
    const read = (cell: number): bigint => {
      if (value !== undefined) return value(cell);
      NEEDED.look = -1 - cell;
      throw NEEDED;
    };
    let first: Step | undefined;
    let effect: Effect | undefined;
    const { classes } = this.knowledge;
    const alike = draft.owner < 0 ? -1 - draft.owner : undefined;
    for (const [index, group] of classes.entries()) {
      if (alike === undefined ? index !== draft.owner : group !== alike) continue;
      try {
        const step = this.runAs(draft, index, act, read);
        const now = writes && step.plain ? this.effectOf(step, index, writes) : undefined;
        if (first === undefined) {
          first = step;
          effect = now;
          if (act.kind !== 'execute' || this.anybodys.has(step.call!)) break;
          continue;
        }
        if (outcomeKey(step) !== outcomeKey(first)) {
          this.knowledge.symmetric = false;
          throw new Anew('tasks differ');
        }
        // They may differ in registers that nobody reads: that depends on what follows, so it is not remembered.
        if (effect !== undefined && (now === undefined || effectKey(now) !== effectKey(effect)))
          effect = undefined;
      } catch (error) {
        if (error !== NEEDED) throw error;
        if (writes !== undefined)
          instructions.learn(draft, [...this.actor.looks, NEEDED.look], value, undefined);
        return undefined;
      }
    }
    const step = this.noted(draft, first!);
    if (effect !== undefined) instructions.learn(draft, step.looks, value, effect);
    return step;
  }

  private runAs(draft: Draft, index: number, act: Act, value: (cell: number) => bigint): Step {
    const { actor } = this;
    this.area = 0;
    this.top = 0;
    const area = areaOf(draft);
    actor.onOwn =
      act.kind !== 'execute'
        ? undefined
        : (offset, size, write) => {
            if (area !== undefined && offset + size > area && offset < area + AREA)
              this.noteArea(offset - area, size, write);
            else if (write || !isPointer(this.world, index, offset))
              this.top = Math.max(this.top, offset + size);
          };
    const outcome = actor.run(draft, index, act, value);
    return { ...outcome, area: this.isProbe(outcome) ? 0 : this.area, top: outcome.plain ? this.top : 0 };
  }

  /** rseq(2) reads its area to see that it can, and writes it: where the numbers are not compared, what they were makes no difference. */
  private isProbe({ call }: Outcome): boolean {
    const { rules } = this.world.kernel;
    return (
      call === this.world.arch.syscalls['rseq'] &&
      rules.evaluation === 'every-switch' &&
      !this.world.settings.debugRseq
    );
  }

  private noteArea(offset: number, size: number, write: boolean): void {
    const overlaps = ({ from, to }: { from: number; to: number }): boolean =>
      offset < to && offset + size > from;
    // What is written there stays until the kernel writes the numbers: since 6.19 only where one of them has changed.
    if (write && this.world.kernel.rules.evaluation !== 'every-switch') {
      if (overlaps(CPU_IDS) || overlaps(CIDS)) this.area |= AREA_USE.cid;
    }
    if (write) return;
    if (overlaps(CID)) this.area |= AREA_USE.cid;
    if (overlaps(CID) || overlaps(CPU_IDS)) this.area |= AREA_USE.ids;
  }

  private effectOf(step: Step, index: number, writes: readonly number[]): Effect {
    const { reads, stores, entries, changes, constants, area, top } = step;
    const { registers } = this.world.tasks[index]!;
    const window = this.world.windows[index]!;
    const sets = writes.map((word) => [word, toLocalWord(word, registers[word]!, window)] as const);
    return { to: ipOf(step.next!), sets, reads, stores, entries, changes, constants, area, top };
  }

  /** What is learned of the program by a step. */
  private noted(draft: Draft, step: Step): Step {
    const { knowledge } = this;
    if ((step.area & AREA_USE.cid) !== 0 && !knowledge.cids) {
      knowledge.cids = true;
      throw new Anew('mm_cid');
    }
    knowledge.handled(draft, step);
    if (knowledge.stack.findsReader()) throw new Anew('stack');
    for (const event of step.events) if (event.kind === 'abort') knowledge.section(rangeOf(event));
    this.coverage.note(step.events);
    const call = step.call === undefined ? undefined : knowledge.liveness.callAt(ipOf(draft));
    if (call !== undefined && call !== step.call)
      throw new Error(`the system call at 0x${ipOf(draft).toString(16)} is not understood`);
    if (step.plain) knowledge.flow(ipOf(draft), ipOf(step.next!));
    return step;
  }
}

/** The thread pointer that stands where it points to: nobody writes it. */
const isPointer = ({ tasks, windows }: World, index: number, offset: number): boolean =>
  tasks[index]!.registers[FS_BASE] === BigInt(addressIn(windows[index]!, offset));

const entriesKey = (entries: Effect['entries']): string =>
  entries.map((entry) => entry.map(({ cell, bytes }) => `${cell}.${bytes}`).join('+')).join(' ');

const outcomeKey = ({ reads, stores, entries, fence, bad, next }: Outcome): string =>
  `${reads}|${stores}|${entriesKey(entries)}|${fence}|${bad?.kind}|${next === undefined ? '' : keyOf(next)}`;

const effectKey = ({ to, sets, reads, stores, entries, changes, area }: Effect): string =>
  `${to}|${sets.join(';')}|${reads}|${stores.join(';')}|${entriesKey(entries)}|${changes.join(';')}|${area}`;
