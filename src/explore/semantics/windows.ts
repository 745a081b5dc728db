import type { Arch } from '../../kernel/arch/index.js';
import { FS_BASE } from '../../kernel/registers.js';
import type { Area as Mapping, Task } from '../../kernel/state.js';
import type { Window } from './values.js';
import { WORD } from './watched.js';

/** Of a task of a scenario: its stack and the block above it are one area. */
export function windowOf(task: Task): Window {
  const { start, end } = mappingAt(task, Number(task.registers[FS_BASE]))!;
  return { start, end };
}

/** In an area with other things in it a thread's stack reaches at most so far below and above its stack pointer. */
const BELOW = 1 << 20;
const ABOVE = 1 << 16;

/**
 * Of threads of a program: the area that the stack pointer is in, and where struct rseq lies elsewhere, that too. Threads whose stacks are in one area
 * share it out. Where exactly a stack ends does not matter: words that others look at are shared, whosever window they are in (Cells.share); it
 * only decides what is looked for where.
 */
export function windowsOf(arch: Arch, tasks: readonly Task[], areas: ReadonlyMap<Task, Area>): Window[] {
  const stacks = tasks.map((task) => stackOf(arch, task, tasks, areas));
  return tasks.map((task, index) => {
    const stack = stacks[index]!;
    const area = areas.get(task);
    return area === undefined || (area.start >= stack.start && area.start < stack.end)
      ? stack
      : { ...stack, area };
  });
}

const aligned = (at: number): number => Math.floor(at / 64) * 64;

function stackOf(
  { stackPointer }: Arch,
  task: Task,
  tasks: readonly Task[],
  areas: ReadonlyMap<Task, Area>,
): Window {
  const pointerOf = ({ registers }: Task): number => Number(registers[stackPointer]!);
  const at = pointerOf(task);
  const area = mappingAt(task, at);
  if (area === undefined) return { start: 0, end: 0 };
  const others = tasks.filter((each) => each !== task && each.mm === task.mm);
  const pointers = others.map(pointerOf).filter((other) => other >= area.start && other < area.end);
  // Data of the program may be there as well.
  const alone = area.object === undefined && pointers.length === 0;
  let start = alone ? area.start : Math.max(area.start, aligned(at - BELOW));
  let end = alone ? area.end : Math.min(area.end, aligned(at + ABOVE));
  for (const other of pointers) {
    const half = aligned((at + other) / 2);
    if (other <= at) start = Math.max(start, half);
    else end = Math.min(end, half);
  }
  for (const other of others.map((each) => areas.get(each))) {
    if (other === undefined) continue;
    if (other.end <= at) start = Math.max(start, other.end);
    else end = Math.min(end, other.start);
  }
  return start < end ? { start, end } : { start: 0, end: 0 };
}

/** A struct rseq. */
export interface Area {
  readonly start: number;
  readonly end: number;
}

export const rseqAt = (pointer: bigint, length: number): Area => ({
  start: Number(pointer),
  end: Number(pointer) + Math.ceil(length / WORD) * WORD,
});

const mappingAt = (task: Task, at: number): Mapping | undefined =>
  task.mm.areas.find(({ start, end }) => start <= at && at < end);
