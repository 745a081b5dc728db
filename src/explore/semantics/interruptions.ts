import type { Act, Outcome } from './actor.js';
import { areaOf, armedWith, ipOf } from './bounds.js';
import type { Draft } from './local.js';
import { wordAt } from './private-memory.js';
import { WORD } from './watched.js';

/** Bytes of struct rseq that a kernel looks at. */
const AREA = 64;

/** What an interruption came to, without what it has nothing to do with. */
export interface Interruption {
  readonly place: Draft['place'];
  readonly kernel: Draft['kernel'];
  /** Where the task goes on; undefined: where it was. */
  readonly ip: number | undefined;
  readonly changes: Outcome['changes'];
  readonly constants: boolean;
  readonly events: Outcome['events'];
}

/**
 * What came of losing or getting a CPU and of interruptions by membarrier(2), while no signal is on its way: that depends on what the kernel keeps of
 * the task, struct rseq, the descriptor that it names (which is constant, or a cell, and then nothing is remembered), and rip, and of
 * registers it changes none but rip (src/kernel/rseq). So it is remembered by those.
 */
export class Interruptions {
  private readonly known = new Map<string, Interruption>();

  /** Undefined where it is not to be remembered. */
  key(draft: Draft, act: Act): string | undefined {
    const { kernel, place } = draft;
    if (act.kind === 'execute' || act.kind === 'signal') return undefined;
    if (kernel.pending.length > 0 || kernel.signalPending || kernel.savedMask !== undefined) return undefined;
    // A system call that is to be begun again.
    if (kernel.call !== -1n) return undefined;
    const area = areaOf(draft);
    if (area === undefined) return undefined;
    const where = place.kind === 'on' ? `${place.cpu}.${place.cid}` : place.kind;
    const what = act.kind === 'resume' ? `${act.cpu}.${act.cid}` : act.kind;
    // Without a section nobody asks where the task is: fixup and slices begin with rseq_cs.
    const ip = armedWith(draft) === 0n ? '' : ipOf(draft);
    let key = `${draft.owner} ${where} ${what} ${kernel.id} ${ip}`;
    for (let word = area / WORD; word < (area + AREA) / WORD; word++)
      key += ` ${wordAt(draft.memory, word).toString(36)}`;
    return key;
  }

  find(key: string): Interruption | undefined {
    return this.known.get(key);
  }

  /** What it came to is remembered where it looked at nothing else, as far as memory can tell. */
  learn(key: string, draft: Draft, { next, looks, stores, changes, constants, events }: Outcome): void {
    if (next === undefined || stores.length > 0) return;
    const area = areaOf(draft)! / WORD;
    const isArea = (word: number): boolean => word >= area && word < area + AREA / WORD;
    if (!looks.every(isArea)) return;
    if (!changes.every(([word]) => isArea(word))) return;
    const { place, kernel } = next;
    const ip = ipOf(next) === ipOf(draft) ? undefined : ipOf(next);
    this.known.set(key, { place, kernel, ip, changes, constants, events });
  }
}
