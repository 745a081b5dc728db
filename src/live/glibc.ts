/**
 * Where glibc keeps a thread's struct rseq, read from the memory of the process alone: no thread has to be stopped for it. glibc tells debuggers
 * where its threads are by variables of its own (nptl_db, nptl/db_info.c and nptl_db/structs.def); the area is at thread pointer + __rseq_offset.
 */
import type { Modules } from './modules.js';

export type Read = (address: bigint, size: number) => Uint8Array | undefined;

/** glibc's three variables (glibc manual, "Restartable Sequences"); 2.35 and newer. */
export interface Glibc {
  /** The file that defines them. */
  readonly file: string;
  /** Bytes from the thread pointer to struct rseq. */
  readonly offset: bigint;
  /** Active bytes; 0: glibc has not registered (its tunable, or a kernel without rseq). 2.35 to 2.39 say 32 always. */
  readonly size: number;
  readonly flags: number;
}

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function word(read: Read, address: bigint): bigint | undefined {
  const bytes = read(u64(address), 8);
  return bytes && viewOf(bytes).getBigUint64(0, true);
}

const half = (read: Read, address: bigint): number | undefined => {
  const bytes = read(u64(address), 4);
  return bytes && viewOf(bytes).getUint32(0, true);
};

/** Undefined where the process has no glibc, or one before 2.35. */
export function glibcOf(modules: Modules, read: Read): Glibc | undefined {
  const variable = modules.rseqSymbol('__rseq_offset');
  if (variable === undefined) return undefined;
  const offset = word(read, variable.address);
  // A program that only refers to it weakly has a symbol, and none of its own memory behind it.
  if (offset === undefined) return undefined;
  const number = (name: string): number => {
    const symbol = modules.rseqSymbol(name);
    return (symbol && half(read, symbol.address)) ?? 0;
  };
  return {
    file: variable.module.name,
    offset: BigInt.asIntN(64, offset),
    size: number('__rseq_size'),
    flags: number('__rseq_flags'),
  };
}

/** struct pthread begins with tcbhead_t (sysdeps/x86_64/nptl/tls.h): a pointer to itself at 0 and at 16. */
const TCB = 0n;
const SELF = 16n;
/** No process has more threads than this: a list that is longer is being changed, or damaged. */
const MOST = 100_000;

/** The thread pointers by the ids that the process itself knows its threads by. Empty where glibc does not tell. */
export function threadPointers(modules: Modules, read: Read): ReadonlyMap<number, bigint> {
  const found = new Map<number, bigint>();
  const database = threadDatabase(modules, read);
  if (database === undefined) return found;
  const { heads, list, next, tid } = database;
  for (const head of heads) {
    let node = word(read, head + next);
    for (let count = 0; node !== undefined && node !== head && count < MOST; count++) {
      const pointer = u64(node - list);
      const id = half(read, pointer + tid);
      if (id !== undefined && isThread(read, pointer)) found.set(id | 0, pointer);
      node = word(read, node + next);
    }
  }
  return found;
}

/** Does a thread pointer lead to itself, as glibc's do? */
export const isThread = (read: Read, pointer: bigint): boolean =>
  word(read, pointer + TCB) === pointer && word(read, pointer + SELF) === pointer;

interface Database {
  /** The lists of threads: those on stacks of glibc's, and on others (the first thread too). */
  readonly heads: readonly bigint[];
  /** Offsets in struct pthread, and in list_t. */
  readonly list: bigint;
  readonly tid: bigint;
  readonly next: bigint;
}

function threadDatabase(modules: Modules, read: Read): Database | undefined {
  const offsetOf = (name: string): bigint | undefined => {
    // uint32_t[3]: bits, elements, offset.
    const row = modules.libcSymbol(`_thread_db_${name}`);
    const offset = row && half(read, row + 8n);
    return offset === undefined ? undefined : BigInt(offset);
  };
  const [list, tid, next] = [offsetOf('pthread_list'), offsetOf('pthread_tid'), offsetOf('list_t_next')];
  if (list === undefined || tid === undefined || next === undefined) return undefined;
  const loader = modules.libcSymbol('_rtld_global');
  const heads = ['_dl_stack_used', '_dl_stack_user'].map((name) => {
    const offset = loader === undefined ? undefined : offsetOf(`rtld_global_${name}`);
    // A static program has them as variables.
    return offset === undefined ? modules.libcSymbol(name) : loader! + offset;
  });
  return { heads: heads.filter((head) => head !== undefined), list, tid, next };
}
