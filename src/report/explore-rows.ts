import type { Change, Counterexample, Hex, Read, Row, RowKind, Verdict } from '../explore/timeline.js';

/** Words for the rows of a counterexample, the same in text, on the page and in a trace. */

/** Small numbers as they are, others in hexadecimal: `7`, `15`, `0x401136`. */
export const valueText = (value: Hex): string => (value.length === 3 ? `${Number(value)}` : value);

/** `counters[0] = 1`: what was read. */
export const readText = ({ name, value }: Read): string => `${name} = ${valueText(value)}`;

/** `rax 0 -> 1`. */
export function changeText({ kind, name, before, after }: Change, arrow = '->'): string {
  const waits = kind === 'buffer' ? ' (in the store buffer)' : '';
  return `${name} ${valueText(before)} ${arrow} ${valueText(after)}${waits}`;
}

/** Rows in which the kernel acts on a task: they stand across the columns. */
const OF_THE_KERNEL: readonly RowKind[] = ['preempt', 'resume', 'signal', 'fence', 'end'];

export const isKernel = ({ kind }: Row): boolean => OF_THE_KERNEL.includes(kind);

/** For rows whose `kernel` is not given. */
const WORDS: Readonly<Record<RowKind, string>> = {
  execute: '',
  preempt: 'preempt',
  resume: 'resume',
  signal: 'signal',
  flush: 'a store leaves the store buffer',
  fence: 'fence',
  end: 'finished',
};

/** What the kernel, or the store buffer, did; '' where it did nothing. */
export const kernelText = ({ kernel, kind }: Row): string => kernel ?? WORDS[kind];

/** `counter.c:83`, with the last part of the file's path only. */
export const sourceText = ({ file, line }: { readonly file: string; readonly line: number }): string =>
  `${file.slice(file.lastIndexOf('/') + 1)}:${line}`;

/** By index: an index that the tasks do not have gets a number. */
export const taskName = ({ tasks }: Pick<Verdict, 'tasks'>, index: number): string =>
  tasks[index]?.name ?? `task ${index}`;

/** The CPUs that something happens on, ascending; at least one. */
export function cpusOf({ rows }: Counterexample): number[] {
  const cpus = [...new Set(rows.flatMap(({ cpu }) => (cpu === undefined ? [] : [cpu])))];
  return cpus.length === 0 ? [0] : cpus.sort((a, b) => a - b);
}

/** Rows with an abort, by index. */
export const abortsOf = ({ rows }: Counterexample): number[] =>
  rows.flatMap(({ abort }, n) => (abort === undefined ? [] : [n]));

/** `12,345,678`. */
export const grouped = (n: number): string => `${n}`.replace(/\B(?=(\d{3})+$)/g, ',');

/** `1 switch or interrupt`, as the cost of a counterexample counts. */
export const costText = (cost: number): string =>
  cost === 1 ? '1 context switch or interrupt' : `${cost} context switches and interrupts`;
