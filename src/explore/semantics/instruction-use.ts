import type { Expression, Meaning, Statement } from '../../isa/meaning.js';
import { STATE } from '../../machine/state.js';
import { expressionsOf, partsOf } from './expressions.js';

/** Words of the register state that an instruction looks at, and those that it changes; rip is not among them. */
export interface Use {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

const FLAGS = STATE.flags / 8;
const XMM = STATE.xmm / 8;

/**
 * Undefined of an instruction that looks at, or changes, what is not said here: control registers, x87, the clock, the kernel. A register that
 * is written in part, or perhaps not at all, is one that is looked at too.
 */
export function useOf({ statements }: Meaning): Use | undefined {
  const reads = new Set<number>();
  const writes = new Set<number>();
  // What stands behind a conditional exit may not be done.
  let sure = true;
  const write = (word: number, whole: boolean): void => {
    writes.add(word);
    if (!whole || !sure) reads.add(word);
  };
  for (const statement of statements) {
    for (const e of expressionsOf(statement)) if (!read(e, reads)) return undefined;
    if (!note(statement, write)) return undefined;
    if (statement.do === 'branch' || statement.do === 'repeat') sure = false;
  }
  const ascending = (words: Set<number>): number[] => [...words].sort((a, b) => a - b);
  return { reads: ascending(reads), writes: ascending(writes) };
}

function note(statement: Statement, write: (word: number, whole: boolean) => void): boolean {
  switch (statement.do) {
    case 'set':
      write(statement.register, statement.width >= 32);
      return true;
    case 'set-xmm':
      write(XMM + 2 * statement.register, true);
      write(XMM + 2 * statement.register + 1, true);
      return true;
    case 'flags':
      // All of them share a word.
      write(FLAGS, false);
      return true;
    case 'trap':
      // Where it stops, the kernel is asked, and nothing is remembered.
      return statement.when !== undefined;
    case 'helper':
    case 'x87':
      return false;
    default:
      return true;
  }
}

/** False of what no register stands for. */
function read(e: Expression, into: Set<number>): boolean {
  switch (e.op) {
    case 'register':
      into.add(e.register);
      break;
    case 'flag':
      into.add(FLAGS);
      break;
    case 'xmm':
      into.add(XMM + 2 * e.register);
      into.add(XMM + 2 * e.register + 1);
      break;
    case 'state':
    case 'float':
    case 'floats':
      return false;
    default:
      break;
  }
  return partsOf(e).every((part) => read(part, into));
}
