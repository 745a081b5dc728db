import { RIP } from '../../kernel/registers.js';
import type { CodeReader } from '../../machine/decode.js';
import type { World } from './world.js';

/** Instructions that a function may have in front of the jump to what it is for. */
const LONGEST = 16;

/**
 * Of each task the first one that does the same from the beginning: only these can be in the same state. Tasks that differ are never taken for
 * each other, even where they come to the same code: what they gave before (rseqlab_result) would be exchanged.
 */
export function alike({ scenario, starts, begun }: World, code: CodeReader): readonly number[] {
  // Where each is somewhere else they never are.
  if (begun) return starts.map((_, task) => task);
  const kinds = starts.map(
    ({ registers, words, signals }, task) =>
      // rip is not to count, nor what the kernel keeps: by the time that they run that is the same.
      `${begin(scenario.tasks[task]!.start, code)} ${registers.relative} ${[...registers.words].with(RIP, 0n)} ${words.flat()} ${signals}`,
  );
  return kinds.map((kind) => kinds.indexOf(kind));
}

/** What a function does first, up to a jump to another one (`RSEQLAB_TASK(a, b) { push(list); }`), and where that leads; else where it begins. */
function begin(start: number, code: CodeReader): string {
  let text = '';
  let at = start;
  for (let n = 0; n < LONGEST; n++) {
    const meaning = code.meaningAt(BigInt(at));
    if (meaning === undefined) break;
    const { statements, next } = meaning;
    const [first] = statements;
    if (statements.length === 1 && first?.do === 'jump') {
      if (first.target.op !== 'constant') break;
      return `${text}@${first.target.value}`;
    }
    if (statements.some(({ do: what }) => what !== 'set' && what !== 'flags' && what !== 'let')) break;
    text += JSON.stringify(statements, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
    at = Number(next);
  }
  return `@${start}`;
}
