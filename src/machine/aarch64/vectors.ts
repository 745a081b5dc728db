import { Table } from '../../isa/aarch64/table.js';
import type { Trap } from '../../isa/meaning.js';
import { ESTIMATES } from './estimates.js';
import { type Execute, Execution, type VectorHost } from './execution.js';
import { SCALAR_FLOAT } from './scalar-float.js';
import { VECTOR_FLOAT } from './vector-float.js';
import { VECTOR_INTEGER } from './vector-integer.js';

const table = new Table<Execute>([...SCALAR_FLOAT, ...VECTOR_FLOAT, ...ESTIMATES, ...VECTOR_INTEGER]);

/** Does an instruction on vectors or floating-point numbers by its word. Those that no row has are unallocated, or of other extensions. */
export function runVector(host: VectorHost, word: number): Trap | undefined {
  for (const { mask, value, form } of table.candidates(word)) {
    if ((word & mask) >>> 0 !== value) continue;
    const execution = new Execution(host, word);
    const trap = form(execution);
    if (trap === undefined) execution.float.raise();
    return trap;
  }
  return 'undefined';
}
