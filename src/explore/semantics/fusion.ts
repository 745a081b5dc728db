import type { Act } from './actor.js';
import { armedWith, ipOf, isInside, rseqCsOf } from './bounds.js';
import type { Coverage } from './coverage.js';
import type { Knowledge } from './knowledge.js';
import type { AbortRange } from './liveness.js';
import { type Draft, keyOf } from './local.js';
import type { PrivateMemories } from './private-memory.js';
import type { Step, Steps } from './steps.js';
import { EMPTY } from './store-buffer.js';
import type { World } from './world.js';

/** Silent instructions in a row, at most. */
const LONGEST = 100_000;

/**
 * Silent instructions: those that touch no word that tasks share and that the kernel does not see. No other task can tell whether one of them
 * has been done; only what interrupts its own task can. So a task goes on through silent instructions at once, if it makes no difference where
 * among them it is interrupted: for each one it is made sure that the states in front of it and behind it, when they lose their CPU and
 * get one again, whichever, go on silently to the same state. Where that does not hold the instruction is not silent any more
 * (Knowledge.stops). docs/explore.md says why that is enough.
 */
export class Fusion {
  /** Where silent instructions lead, by key. */
  private readonly ends = new Map<string, Draft>();
  /** Off-CPU states by what they do when they get a CPU. */
  private readonly waiting = new Map<string, Draft>();
  /** Silent instructions still to be made sure of: the states in front and behind. */
  private pairs: [Draft, Draft][] = [];
  private readonly sure = new Set<string>();
  private working = false;

  constructor(
    private readonly world: World,
    private readonly knowledge: Knowledge,
    private readonly steps: Steps,
    private readonly memories: PrivateMemories,
    private readonly coverage: Coverage,
    private readonly resumes: (draft: Draft) => readonly Act[],
    private readonly armed: (draft: Draft) => AbortRange | undefined,
    /** Its next instruction waits until its store buffer is empty. */
    private readonly mustFlush: (draft: Draft) => boolean,
  ) {}

  /** Where a task goes by itself. Throws Anew where an instruction turns out not to be silent. */
  settled(draft: Draft): Draft {
    const { place } = draft;
    if (place.kind === 'finished' || place.kind === 'asleep') return draft;
    const end = place.kind === 'on' ? this.end(draft) : this.parked(draft);
    this.makeSure();
    return end;
  }

  private end(draft: Draft): Draft {
    const chain = new Set<string>();
    let at = draft;
    while (at.place.kind === 'on') {
      const key = keyOf(at);
      const known = this.ends.get(key);
      if (known !== undefined) at = known;
      if (known !== undefined || chain.has(key) || chain.size >= LONGEST) break;
      if (at.handlers.length > 0 && armedWith(at) !== 0n) this.knowledge.leaves(Number(armedWith(at)));
      chain.add(key);
      const next = this.silent(at);
      if (next === undefined) break;
      const empty = at.buffer === EMPTY ? key : keyOf({ ...at, buffer: EMPTY });
      if (!this.sure.has(empty)) {
        this.sure.add(empty);
        this.pairs.push([at, next]);
      }
      at = next;
    }
    for (const key of chain) this.ends.set(key, at);
    return at;
  }

  /** The state behind the next instruction, if it is silent. */
  private silent(draft: Draft): Draft | undefined {
    if (this.knowledge.stops.has(ipOf(draft)) || this.mustFlush(draft)) return undefined;
    const handlers = draft.signals.length > 0 || draft.kernel.pending.length > 0;
    // Interruptions that are no signals do not stand for those that are.
    if (handlers && this.world.kernel.rules.noRestartFlags === 'honoured') return undefined;
    const step = this.steps.take(draft, { kind: 'execute' });
    if (step?.next === undefined || step.stores.length > 0) return undefined;
    // The end of a handler concerns nobody else. Who is about to end may as well have ended, if no signal can come any more: others
    // can do all that they could before, and have one CPU more.
    const { place } = step.next;
    const ends = place.kind === 'finished' && !place.over && !handlers;
    if (!step.plain && step.call !== this.world.calls.sigreturn && !ends) return undefined;
    if (handlers && this.concernsHandlers(draft, step)) return undefined;
    return step.next;
  }

  /** A handler that comes in front of the instruction or behind it could tell. */
  private concernsHandlers({ registers }: Draft, { next }: Step): boolean {
    const { inspects, liveness } = this.knowledge;
    return inspects || !this.world.registerFiles.sameIn(registers, next!.registers, liveness.inherited);
  }

  /** Tasks off CPU that will do the same wherever they go on are one. */
  private parked(draft: Draft): Draft {
    const key = this.ways(draft);
    // The descriptor of its section may change: what it will do is not known.
    if (key === undefined) return draft;
    const known = this.waiting.get(key);
    if (known !== undefined) return known;
    this.waiting.set(key, draft);
    return draft;
  }

  /** What becomes of a task without a CPU, for each way in which it may get one. `leftover`: a handler runs first, and leaves that in rseq_cs. */
  private ways(draft: Draft, leftover?: bigint): string | undefined {
    return this.outcomes(draft, leftover)
      ?.map((end) => (typeof end === 'string' ? end : keyOf(end)))
      .join('\n');
  }
  private outcomes(draft: Draft, leftover?: bigint): (Draft | string)[] | undefined {
    const outcomes: (Draft | string)[] = [];
    for (const act of this.resumes(draft)) {
      const step = this.steps.take(draft, act);
      if (step === undefined) return undefined;
      if (step.bad !== undefined) outcomes.push(step.bad.text);
      else outcomes.push(this.end(leftover === undefined ? step.next! : this.armedBy(step.next!, leftover)));
    }
    return outcomes;
  }

  /**
   * What a settled state stands for, whichever of those that are one was found first: what it does when it gets a CPU, or all states of
   * the loop that it goes round silently. Undefined: itself.
   */
  meaningOf(draft: Draft): readonly (Draft | string)[] | undefined {
    if (draft.place.kind === 'off') return this.outcomes(draft);
    if (draft.place.kind !== 'on') return undefined;
    const loop: Draft[] = [];
    const seen = new Set<string>();
    for (let at = this.silent(draft); at !== undefined && !seen.has(keyOf(at)); at = this.silent(at)) {
      seen.add(keyOf(at));
      loop.push(at);
    }
    return loop.length === 0 ? undefined : loop;
  }

  /** rseq_cs as a handler has left it. */
  private armedBy(draft: Draft, pointer: bigint): Draft {
    const word = rseqCsOf(draft);
    return word === undefined
      ? draft
      : { ...draft, memory: this.memories.change(draft.memory, [[word, pointer]], 0) };
  }

  private makeSure(): void {
    if (this.working) return;
    this.working = true;
    try {
      for (let pair = this.pairs.pop(); pair !== undefined; pair = this.pairs.pop()) this.compare(pair);
    } finally {
      this.working = false;
    }
  }

  private compare([before, after]: [Draft, Draft]): void {
    const ip = ipOf(before);
    // Stores that wait reach memory before an interruption; and silent instructions know nothing of them.
    const [a, b] = [before, after].map((draft) => this.interrupted({ ...draft, buffer: EMPTY }));
    if (a === undefined || a !== b) this.knowledge.stop(ip);
    const range = this.armed(before);
    if (range === undefined || !isInside(range, ip)) return;
    this.coverage.of(range).add(ip);
    if (isInside(range, ipOf(after))) this.coverage.of(range).add(ipOf(after));
  }

  /** What becomes of a task that is interrupted here. */
  private interrupted(draft: Draft): string | undefined {
    // Nothing interrupts who has ended: that is as if it had ended on every way.
    if (draft.place.kind === 'finished')
      return Array.from({ length: this.resumes(draft).length + (this.knowledge.fences ? 1 : 0) }, () =>
        keyOf(draft),
      ).join('\n');
    const away = this.steps.take(draft, { kind: 'preempt' });
    if (away?.next === undefined) return undefined;
    let ways = this.ways(away.next);
    // A signal does what the loss of a CPU does; and then its handler runs, here or there, with sections of its own.
    if (draft.signals.length > 0 || draft.kernel.pending.length > 0)
      for (const leftover of this.knowledge.leftovers) {
        const more = this.ways(away.next, BigInt(leftover));
        ways = ways === undefined || more === undefined ? undefined : `${ways}\n${more}`;
      }
    if (ways === undefined || !this.knowledge.fences) return ways;
    const fenced = this.steps.take(draft, { kind: 'fence' });
    if (fenced === undefined) return undefined;
    return `${ways}\n${fenced.bad === undefined ? keyOf(this.end(fenced.next!)) : fenced.bad.text}`;
  }
}
