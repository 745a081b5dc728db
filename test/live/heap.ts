import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/command.js';

const HEAP = join(ROOT, 'bench/checkpoint/heap');
export const WORD = { watcher: 2, writer: 3, heap: 4, end: 5 } as const;

/** bench/checkpoint/heap at work: a program that writes all over its memory, and knows what is in it. `told`: a file of its own. */
export interface Heap {
  readonly child: ChildProcess;
  readonly pid: string;
  /** Its exit status, 0: its memory is as it was written; or the signal that ended it. */
  readonly ended: Promise<unknown>;
  word(index: number): bigint;
  /** Until a word is so large, or it is to end. */
  until(index: number, value: bigint): Promise<void>;
  end(): void;
}

export async function startHeap(told: string, mebibytes: number, threads: number): Promise<Heap> {
  writeFileSync(told, new Uint8Array(4096));
  const fd = openSync(told, 'r+');
  const word = (index: number): bigint => {
    const bytes = new BigUint64Array(1);
    readSync(fd, bytes, 0, 8, 8 * index);
    return bytes[0]!;
  };
  const child = spawn(HEAP, [told, `${mebibytes}`, `${threads}`], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
  const until = async (index: number, value: bigint): Promise<void> => {
    while (word(index) < value && word(WORD.end) === 0n)
      await new Promise((resolve) => setImmediate(resolve));
  };
  await until(WORD.watcher, 1n);
  return {
    child,
    pid: `${child.pid}`,
    ended,
    word,
    until,
    end: () => writeSync(fd, new BigUint64Array([1n]), 0, 8, 8 * WORD.end),
  };
}
