import { describe, expect, it } from 'vitest';
import { onCycles } from '../../../src/explore/livelock.js';
import { explore } from '../../../src/explore/search.js';
import type { Effect, Model, ModelEdge, ModelLocal } from './random-model.js';
import { semanticsOf } from './random-model.js';

/** Spins or sleeps until a cell has a value, stores, or makes a fence that sends the others back to where their code begins. */
type Line =
  | { readonly spin: number; readonly until: number }
  | { readonly sleep: number; readonly until: number }
  | { readonly store: number; readonly value: number }
  | { readonly fence: true };

/** Straight-line programs on CPUs: every line can be preempted, and a task may be resumed on any free CPU. */
function programs(cpus: number, ...tasks: readonly (readonly Line[])[]): Model {
  const locals: ModelLocal[] = [];
  const start = tasks.map((lines) => {
    const first = locals.length;
    /** At a line: off the CPUs, or on one of them. Behind the last line the task has finished. */
    const at = (line: number, cpu: number): number =>
      line === lines.length ? first + line * (cpus + 1) : first + line * (cpus + 1) + cpu + 1;
    for (const [line, what] of lines.entries()) {
      const resumes = Array.from({ length: cpus }, (_, cpu): ModelEdge => {
        const effects = new Map([['', { to: at(line, cpu), stores: [], fence: 0 }]]);
        return { cost: 1, wants: 1 << cpu, reads: [], effects };
      });
      const asleep = 'sleep' in what;
      const woken = (edge: ModelEdge): ModelEdge => {
        if (!asleep) return edge;
        const ways = [0, 1].map((value) => {
          const effect: Effect = value === what.until ? edge.effects.get('')! : 'disabled';
          return [`${value}`, effect] as const;
        });
        return { ...edge, reads: [what.sleep], effects: new Map(ways) };
      };
      locals.push({ holds: 0, finished: false, edges: resumes.map(woken), fence: locals.length });
      for (let cpu = 0; cpu < cpus; cpu++) {
        const go = (to: number): Effect => ({ to, stores: [], fence: 0 });
        const on = at(line + 1, cpu);
        const run: ModelEdge = { cost: 0, wants: 0, reads: [], effects: new Map([['', go(on)]]) };
        const off: ModelEdge = { ...run, cost: 1, effects: new Map([['', go(at(line, -1))]]) };
        const edges: ModelEdge[] = [off];
        if ('spin' in what) {
          const ways = [0, 1].map(
            (value) => [`${value}`, go(value === what.until ? on : at(line, cpu))] as const,
          );
          edges.push({ ...run, reads: [what.spin], effects: new Map(ways) });
        } else if ('store' in what) {
          const effect = { to: on, stores: [[what.store, what.value]] as const, fence: 0 };
          edges.push({ ...run, effects: new Map([['', effect]]) });
        } else if ('fence' in what)
          edges.push({
            ...run,
            effects: new Map([['', { ...(go(on) as object), fence: 0xffff } as Effect]]),
          });
        else {
          // Awake, it goes on; otherwise it leaves the CPU by itself.
          const ways = [0, 1].map(
            (value) => [`${value}`, go(value === what.until ? on : at(line, -1))] as const,
          );
          edges.push({ ...run, reads: [what.sleep], effects: new Map(ways) });
        }
        locals.push({ holds: 1 << cpu, finished: false, edges, fence: at(0, cpu) });
      }
    }
    locals.push({ holds: 0, finished: true, edges: [], fence: locals.length });
    return first;
  });
  return { start, locals, cells: 2, values: 2, badMemory: () => false, badEnd: () => false };
}

const FLAG = 0;
const OTHER = 1;
const set: Line = { store: FLAG, value: 1 };
const spin: Line = { spin: FLAG, until: 1 };

async function kindOf(model: Model): Promise<string> {
  const verdict = await explore(() => semanticsOf(model));
  if (verdict.kind !== 'violation') return verdict.kind;
  return `${verdict.counterexample.violation.kind} at cost ${verdict.counterexample.cost}`;
}

describe('livelock', () => {
  it('is a spin on a flag that nobody sets', async () => {
    expect(await kindOf(programs(1, [spin]))).toBe('livelock at cost 1');
    expect(await kindOf(programs(2, [spin], [{ store: OTHER, value: 1 }]))).toBe('livelock at cost 2');
  });

  it('is none on a flag that another running task will set', async () => {
    expect(await kindOf(programs(2, [spin], [set]))).toBe('verified');
  });

  it('is none on a flag that a task will set which waits for a CPU', async () => {
    expect(await kindOf(programs(1, [spin], [set]))).toBe('verified');
  });

  it('is two tasks that wait for each other', async () => {
    const one: Line[] = [{ spin: OTHER, until: 1 }, set];
    const two: Line[] = [spin, { store: OTHER, value: 1 }];
    expect(await kindOf(programs(2, one, two))).toBe('livelock at cost 2');
  });

  it('is a spin on a flag whose setter sleeps for ever', async () => {
    expect(await kindOf(programs(2, [spin], [{ sleep: OTHER, until: 1 }, set]))).toBe('livelock at cost 1');
  });

  it('is none where the setter is woken', async () => {
    const model = programs(2, [{ store: OTHER, value: 1 }, spin], [{ sleep: OTHER, until: 1 }, set]);
    expect(await kindOf(model)).toBe('verified');
  });

  it('is none where a fence of a task that goes on takes the spinning one back', async () => {
    expect(await kindOf(programs(2, [{ store: OTHER, value: 1 }, spin], [{ fence: true }, set]))).toBe(
      'verified',
    );
  });
});

describe('deadlock', () => {
  it('is a sleep that nobody ends', async () => {
    expect(await kindOf(programs(1, [{ sleep: FLAG, until: 1 }]))).toBe('deadlock at cost 0');
    expect(await kindOf(programs(2, [{ sleep: FLAG, until: 1 }], [{ store: OTHER, value: 1 }]))).toBe(
      'deadlock at cost 1',
    );
  });

  it('is none where somebody ends it', async () => {
    expect(await kindOf(programs(1, [{ sleep: FLAG, until: 1 }], [set]))).toBe('verified');
  });
});

describe('cycles of a graph', () => {
  it('are found, longer ones and loops, and nothing that only leads to them', () => {
    //    0 -> 1 -> 2 -> 1, 3 -> 3, 4 -> 0, 5 -> 6 -> 7 -> 5 with 7 -> 3
    const successors = [[1], [2], [1], [3], [0], [6], [7], [5, 3]];
    const cyclic = onCycles(8, (node) => successors[node]!);
    expect(cyclic.flatMap((each, node) => (each ? [node] : []))).toEqual([1, 2, 3, 5, 6, 7]);
  });
});
