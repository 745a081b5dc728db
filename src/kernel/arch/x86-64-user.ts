import { TASK_SIZE } from '../../abi/task-size.js';
import { Errno } from '../errno.js';
import { FS_BASE, GS_BASE, RIP, rflags, setRflags } from '../registers.js';
import type { Task } from '../state.js';

/** Bytes of struct user_regs_struct, and of struct user, of which it is the first part (arch/x86/include/asm/user_64.h). */
export const REGS_SIZE = 27 * 8;
export const USER_SIZE = 928;

const word = (number: number) => ({
  get: ({ registers }: Task): bigint => registers[number]!,
  set: ({ registers }: Task, value: bigint): void => {
    registers[number] = value;
  },
});

/** Of a flat program they are always the same; what is written must be a selector that user space may have, and is forgotten. */
const segment = (value: bigint, mayBeNull: boolean) => ({
  get: (): bigint => value,
  set: (_: Task, given: bigint): void => {
    const selector = given & 0xffffn;
    if ((selector !== 0n && (selector & 3n) !== 3n) || (selector === 0n && !mayBeNull))
      throw new Errno('EIO');
  },
});

const base = (number: number) => ({
  ...word(number),
  set: ({ registers }: Task, value: bigint): void => {
    if (value >= TASK_SIZE['x86-64'].usual) throw new Errno('EIO');
    registers[number] = value;
  },
});

interface Row {
  readonly get: (task: Task) => bigint;
  readonly set: (task: Task, value: bigint) => void;
}

/** struct user_regs_struct, in its order: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss bases ds es fs gs. */
const ROWS: readonly Row[] = [
  ...[15, 14, 13, 12, 5, 3, 11, 10, 9, 8, 0, 1, 2, 6, 7].map(word),
  {
    get: ({ call }) => BigInt.asUintN(64, call),
    set: (task, value) => {
      // All that means "in no call" is one value here.
      task.call = BigInt.asIntN(64, value) < 0n ? -1n : value;
    },
  },
  word(RIP),
  segment(0x33n, false),
  { get: rflags, set: setRflags },
  word(4),
  segment(0x2bn, false),
  base(FS_BASE),
  base(GS_BASE),
  segment(0n, true),
  segment(0n, true),
  segment(0n, true),
  segment(0n, true),
];

export function getRegisters(task: Task): Uint8Array {
  return new Uint8Array(new BigUint64Array(ROWS.map(({ get }) => BigInt.asUintN(64, get(task)))).buffer);
}

/** As many as there are whole words for (genregs_set). Throws EIO at the first that it cannot take. */
export function setRegisters(task: Task, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [index, row] of ROWS.entries())
    if (8 * index + 8 <= bytes.length) row.set(task, view.getBigUint64(8 * index, true));
}

/** PTRACE_PEEKUSER: registers; the rest of struct user is empty here (debug registers: there are none). EIO at no word's offset. */
export function peekUser(task: Task, offset: bigint): bigint {
  const row = rowAt(offset);
  return row === undefined ? 0n : BigInt.asUintN(64, row.get(task));
}

export function pokeUser(task: Task, offset: bigint, value: bigint): void {
  const row = rowAt(offset);
  if (row === undefined) throw new Errno('EIO');
  row.set(task, value);
}

function rowAt(offset: bigint): Row | undefined {
  if (offset % 8n !== 0n || offset >= BigInt(USER_SIZE)) throw new Errno('EIO');
  return ROWS[Number(offset / 8n)];
}
