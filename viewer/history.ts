import type { Counterexample, Hex, Verdict } from '../src/explore/timeline.js';

/** Values over the rows: what something was after each of them. */
class Track<T> {
  private readonly rows: number[] = [];
  private readonly values: T[] = [];

  add(row: number, value: T): void {
    this.rows.push(row);
    this.values.push(value);
  }

  /** After this row; undefined before the first value. */
  at(row: number): T | undefined {
    return this.values[this.index(row)];
  }

  /** The first row behind this one that adds a value; the very first where there is none. */
  next(row: number): number | undefined {
    return this.rows[this.index(row) + 1] ?? this.rows[0];
  }

  private index(row: number): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle]! <= row) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** What can be asked about any row without running through all those before it. */
export class History {
  /** By name of the watched memory. */
  readonly memory = new Map<string, Track<Hex>>();
  /** By task: its registers and what is private to it, by name, in the order in which they were first seen. */
  readonly registers: ReadonlyMap<string, Track<Hex>>[];
  /** By task: the last row of its own. */
  readonly rows: readonly Track<number>[];
  /** By CPU, for each row: the task that is on it afterwards, or in front of a preemption; -1 none. */
  readonly occupants = new Map<number, Int16Array>();

  constructor({ tasks }: Verdict, { rows, watched }: Counterexample, cpus: readonly number[]) {
    const registers = tasks.map(() => new Map<string, Track<Hex>>());
    const own = tasks.map(() => new Track<number>());
    for (const { name } of watched) this.memory.set(name, new Track());
    for (const cpu of cpus) this.occupants.set(cpu, new Int16Array(rows.length).fill(-1));
    const on = new Map<number, number>();
    for (const [n, row] of rows.entries()) {
      own[row.task]?.add(n, n);
      for (const { kind, name, after } of row.changes) {
        if (kind === 'memory') track(this.memory, name).add(n, after);
        else if (kind !== 'buffer' && registers[row.task]) track(registers[row.task]!, name).add(n, after);
      }
      if (row.cpu !== undefined) {
        for (const [cpu, task] of on) if (task === row.task && cpu !== row.cpu) on.delete(cpu);
        on.set(row.cpu, row.task);
      }
      for (const [cpu, task] of on) this.occupants.get(cpu)![n] = task;
      if (row.cpu !== undefined && (row.kind === 'preempt' || row.kind === 'end')) on.delete(row.cpu);
    }
    this.registers = registers;
    this.rows = own;
  }
}

function track(tracks: Map<string, Track<Hex>>, name: string): Track<Hex> {
  let found = tracks.get(name);
  if (found === undefined) {
    found = new Track();
    tracks.set(name, found);
  }
  return found;
}
