import type { Statement } from '../../isa/meaning.js';
import type { CodeReader } from '../../machine/decode.js';
import type { Look } from './access.js';
import { areaOf, ipOf } from './bounds.js';
import { type Use, useOf } from './instruction-use.js';
import type { Draft } from './local.js';
import { wordAt } from './private-memory.js';
import { Refusal } from './refusal.js';
import { wordOf } from './registers.js';
import type { Entry } from './store-buffer.js';

const readsClock = (each: Statement): boolean =>
  each.do === 'helper' && (each.name.startsWith('rdtsc') || each.name === 'counter');

/** What an instruction does with its struct rseq: reads cpu_id_start, cpu_id or mm_cid; makes it matter which mm_cid the task has. */
export const AREA_USE = { ids: 1, cid: 2 } as const;

/** What an instruction does that the kernel does not see. Numbers as in values.ts: the same, whose task it is. */
export interface Effect {
  /** The instruction behind it. */
  readonly to: number;
  readonly sets: readonly (readonly [word: number, value: bigint])[];
  readonly reads: readonly number[];
  readonly stores: readonly (readonly [cell: number, value: bigint])[];
  readonly entries: readonly Entry[];
  readonly changes: readonly (readonly [word: number, value: bigint])[];
  readonly constants: boolean;
  /** AREA_USE. */
  readonly area: number;
  /** As of a step. */
  readonly top: number;
}

/** What is done next depends on a word. */
interface Question {
  readonly word: Look;
  readonly answers: Map<bigint, Node>;
}
type Node = { readonly effect: Effect } | Question;

/** One instruction, as one of those that may be told apart. */
interface Site {
  /** Undefined: it may depend on more than registers and memory, or change more. */
  readonly use: Use | undefined;
  readonly roots: Map<string, Node>;
}

/**
 * What instructions did, by all that they looked at: registers that their meaning names, words of the task's own memory, cells. Everything
 * else that they can see is the same whenever they are run: memory that nobody writes, and the bases of their segments.
 */
export class Instructions {
  private readonly sites = new Map<string, Map<number, Site>>();

  constructor(private readonly code: CodeReader) {}

  /** What the task's next instruction does; 'cell' where that depends on a cell and `value` is not there; undefined where it is not known. */
  find(draft: Draft, value: ((cell: number) => bigint) | undefined): Effect | 'cell' | undefined {
    const { use, roots } = this.site(draft);
    if (use === undefined) return undefined;
    let node = roots.get(keyOf(use, draft));
    while (node !== undefined && !('effect' in node)) {
      if (node.word < 0 && value === undefined) return 'cell';
      node = node.answers.get(answer(node.word, draft, value!));
    }
    return node?.effect;
  }

  /** Words that it may change; undefined where it is not to be remembered. */
  writes(draft: Draft): readonly number[] | undefined {
    return this.site(draft).use?.writes;
  }

  /** Remembers what it did, having looked at these words; or, without an effect, that it depends on the last of them, a cell. */
  learn(
    draft: Draft,
    looks: readonly Look[],
    value: ((cell: number) => bigint) | undefined,
    effect: Effect | undefined,
  ): void {
    const { use, roots } = this.site(draft);
    let put = (make: () => Node): Node => remembered(roots, keyOf(use!, draft), make);
    for (const [index, word] of looks.entries()) {
      const question = put(() => ({ word, answers: new Map() }));
      if ('effect' in question || question.word !== word)
        throw new Error(`the instruction at 0x${ipOf(draft).toString(16)} is not understood`);
      if (effect === undefined && index === looks.length - 1) return;
      const known = answer(word, draft, value!);
      put = (make) => remembered(question.answers, known, make);
    }
    if (effect !== undefined) put(() => ({ effect }));
  }

  private site(draft: Draft): Site {
    // Where struct rseq is belongs to the effect; and each task by itself where they are told apart.
    const who = `${draft.owner} ${areaOf(draft)}`;
    const sites = remembered(this.sites, who, () => new Map<number, Site>());
    return remembered(sites, ipOf(draft), (): Site => {
      const meaning = this.code.meaningAt(BigInt(ipOf(draft)));
      if (meaning?.statements.some(readsClock))
        throw new Refusal(
          `the instruction at 0x${ipOf(draft).toString(16)} reads the clock (rdtsc, cntvct_el0): it says something else every time, so it cannot be explored`,
        );
      if (meaning?.statements.some((each) => each.do === 'state' && each.field === 'threadPointer'))
        throw new Refusal(
          `the instruction at 0x${ipOf(draft).toString(16)} changes the thread pointer: that cannot be explored`,
        );
      return { use: meaning && useOf(meaning), roots: new Map() };
    });
  }
}

const answer = (word: Look, draft: Draft, value: (cell: number) => bigint): bigint =>
  word < 0 ? value(-1 - word) : wordAt(draft.memory, word);

function remembered<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function keyOf({ reads }: Use, { registers }: Draft): string {
  let key = '';
  for (const word of reads) key += `${wordOf(registers, word).toString(36)},`;
  return key;
}
