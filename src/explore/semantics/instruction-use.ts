import type { Expression, Meaning, StateField, Statement } from '../../isa/meaning.js';
import { general } from '../../kernel/registers.js';
import { STATE, STATE_FIELDS, vectorOffset } from '../../machine/state.js';
import { expressionsOf, partsOf } from './expressions.js';

/** Words of the register state that an instruction looks at, and those that it changes; rip is not among them. */
export interface Use {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

const FLAGS = STATE.flags / 8;
const vector = (register: number): number => vectorOffset(register) / 8;
/** State that is a word of its own, and nothing else: AArch64's exclusive monitor. */
const WORDS: ReadonlySet<StateField> = new Set<StateField>(['monitor', 'monitorLow', 'monitorHigh']);

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
      write(general(statement.register), statement.width >= 32);
      return true;
    case 'set-xmm':
      write(vector(statement.register), true);
      write(vector(statement.register) + 1, true);
      return true;
    case 'flags':
      // All of them share a word.
      write(FLAGS, false);
      return true;
    case 'trap':
      // Where it stops, the kernel is asked, and nothing is remembered.
      return statement.when !== undefined;
    case 'state':
      if (WORDS.has(statement.field)) write(STATE_FIELDS[statement.field] / 8, true);
      return WORDS.has(statement.field);
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
      into.add(general(e.register));
      break;
    case 'flag':
      into.add(FLAGS);
      break;
    case 'xmm':
      into.add(vector(e.register));
      into.add(vector(e.register) + 1);
      break;
    case 'state':
      if (!WORDS.has(e.field)) return false;
      into.add(STATE_FIELDS[e.field] / 8);
      break;
    case 'float':
    case 'floats':
      return false;
    default:
      break;
  }
  return partsOf(e).every((part) => read(part, into));
}
