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
/** Bytes of struct pthread up to its lists: more is nonsense. */
const LARGEST = 65536;

/** The thread pointers by the ids that the process itself knows its threads by. Empty where glibc does not tell. */
export function threadPointers(modules: Modules, read: Read): ReadonlyMap<number, bigint> {
  const found = new Map<number, bigint>();
  const database = threadDatabase(modules, read);
  if (database === undefined) return found;
  const { heads, list, next, tid } = database;
  // All that is asked of a thread lies near the beginning of its struct pthread.
  const size = Number(max(list + next + 8n, tid + 4n));
  for (const head of heads) {
    let node = word(read, head + next);
    for (let count = 0; node !== undefined && node !== head && count < MOST; count++) {
      const pointer = u64(node - list);
      const bytes = size > LARGEST ? undefined : read(pointer, size);
      if (bytes === undefined) break;
      const view = viewOf(bytes);
      const id = view.getInt32(Number(tid), true);
      // It leads to itself, as those of glibc do.
      if ([TCB, SELF].every((at) => view.getBigUint64(Number(at), true) === pointer)) found.set(id, pointer);
      node = view.getBigUint64(Number(list + next), true);
    }
  }
  return found;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

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
