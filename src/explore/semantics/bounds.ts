import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import { RIP } from '../../kernel/registers.js';
import type { AbortRange } from './liveness.js';
import type { Draft } from './local.js';
import { wordAt } from './private-memory.js';
import { RELATIVE } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

const RSEQ_CS_FIELD = offsetOf(RSEQ, 'rseq_cs');

export const ipOf = ({ registers }: Pick<Draft, 'registers'>): number => Number(registers.words[RIP]!);

/** Where struct rseq is in the task's window, also while its tracer runs, in bytes; undefined where it is not registered, or elsewhere. */
export function areaOf({ kernel }: Pick<Draft, 'kernel'>): number | undefined {
  const { pointer } = (kernel.traced ?? kernel).rseq;
  return pointer >= RELATIVE ? Number(pointer & (RELATIVE - 1n)) : undefined;
}

/** Which word of its own memory is a task's rseq_cs. */
export function rseqCsOf(draft: Pick<Draft, 'kernel'>): number | undefined {
  const area = areaOf(draft);
  return area === undefined ? undefined : (area + RSEQ_CS_FIELD) / WORD;
}

/** rseq_cs as the task has it. */
export function armedWith(draft: Draft): bigint {
  const word = rseqCsOf(draft);
  return word === undefined ? 0n : wordAt(draft.memory, word);
}

/** The section that a descriptor states; undefined where there is none, or where it may change. */
export function rangeAt(
  world: World,
  pointer: bigint,
  isConstant: (word: number) => boolean,
): AbortRange | undefined {
  if (pointer === 0n || pointer >= RELATIVE) return undefined;
  const at = Number(pointer);
  for (let word = Math.floor(at / WORD); word * WORD < at + RSEQ_CS.size; word++)
    if (!isConstant(word)) return undefined;
  try {
    const cs = RSEQ_CS.read(world.machine.peek(at, RSEQ_CS.size));
    return {
      start: Number(cs.start_ip),
      end: Number(cs.start_ip + cs.post_commit_offset),
      abort: Number(cs.abort_ip),
    };
  } catch {
    return undefined;
  }
}

export const isInside = (range: AbortRange, ip: number): boolean => range.start <= ip && ip < range.end;
