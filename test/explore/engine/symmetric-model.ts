import { type Effect, type Model, type ModelEdge, type ModelLocal, numbers } from './random-model.js';
import type { Plain } from './reference.js';

/** A model in which CPUs are alike, but for what `broken` says, and what a state becomes when they are exchanged for each other. */
export interface SymmetricModel {
  readonly model: Model;
  readonly cpus: number;
  /** One CPU does something that the others do not; perhaps nobody ever sees it. */
  readonly broken: boolean;
  images(state: Plain): readonly Plain[];
}

/** What a task does on any CPU: its numbers are those of kinds of locals and of cells. */
interface Way {
  readonly to: number;
  /** Where a value goes: to a cell for all, or to the one of the CPU; what: a number, or the CPU's. */
  readonly store: { readonly own: boolean; readonly value: number | 'cpu' } | undefined;
  readonly fence: boolean;
  readonly kind: 'to' | 'disabled' | 'bad';
}

/** Cells: 0 for all, 1 who was there last, and one for each CPU. */
const [ALL, LAST, FIRST_OWN] = [0, 1, 2];
const VALUES = 3;

export function symmetricModel(seed: number): SymmetricModel {
  const pick = numbers(seed * 7919);
  const tasks = 2 + pick(2);
  const cpus = 2 + pick(2);
  const [off, on] = [1 + pick(2), 3 + pick(3)];
  const [badIn, disabledIn, fenceIn] = [pick(2) * 60, pick(2) * 8, pick(2) * 5];
  const broken = pick(3) === 0;
  const rarely = (one: number): boolean => one > 0 && pick(one) === 0;
  // Locals: some without a CPU, then those with one, by kind and CPU; the last has finished.
  const onCpu = (kind: number, cpu: number): number => off + kind * cpus + cpu;
  const end = off + on * cpus;
  const cells = FIRST_OWN + cpus;
  const way = (): Way => ({
    to: pick(on + off + 1),
    store: rarely(2) ? { own: pick(2) === 0, value: pick(4) === 0 ? 'cpu' : pick(VALUES) } : undefined,
    fence: rarely(fenceIn),
    kind: rarely(badIn) ? 'bad' : rarely(disabledIn) ? 'disabled' : 'to',
  });
  const edgesOf = (count: number) =>
    Array.from({ length: count }, (_, n) => {
      const reads = [pick(3) === 0, pick(2) === 0] as const;
      return { cost: n === 0 ? 0 : pick(2), reads, ways: Array.from({ length: VALUES ** 2 }, way) } as const;
    });
  const kinds = Array.from({ length: on }, () => edgesOf(1 + pick(3)));
  const fences = kinds.map(() => pick(on));
  const resumes = Array.from({ length: off }, () => [pick(on), pick(on)] as const);
  const effectOf = ({ to, store, fence, kind }: Way, cpu: number): Effect => {
    if (kind === 'disabled') return 'disabled';
    if (kind === 'bad') return { bad: 1 };
    const stores =
      store === undefined
        ? []
        : store.value === 'cpu'
          ? ([[LAST, cpu + 1]] as const)
          : ([[store.own ? FIRST_OWN + cpu : ALL, store.value]] as const);
    return {
      to: to < on ? onCpu(to, cpu) : to === on + off ? end : to - on,
      stores,
      fence: fence ? ((1 << cpus) - 1) & ~(1 << cpu) : 0,
    };
  };
  const locals: ModelLocal[] = [
    ...resumes.map(
      (targets): ModelLocal => ({
        holds: 0,
        finished: false,
        fence: 0,
        edges: targets.flatMap((to) =>
          Array.from({ length: cpus }, (_, cpu): ModelEdge => {
            const effect = { to: onCpu(to, cpu), stores: [], fence: 0 };
            return { cost: 1, wants: 1 << cpu, reads: [], effects: new Map([['', effect]]) };
          }),
        ),
      }),
    ),
    ...kinds.flatMap((edges, kind) =>
      Array.from(
        { length: cpus },
        (_, cpu): ModelLocal => ({
          holds: 1 << cpu,
          finished: false,
          fence: onCpu(fences[kind]!, cpu),
          edges: edges.map(({ cost, reads: [all, own], ways }) => {
            const reads = [...(all ? [ALL] : []), ...(own ? [FIRST_OWN + cpu] : [])];
            const effects = new Map<string, Effect>();
            for (let a = 0; a < VALUES; a++)
              for (let b = 0; b < VALUES; b++)
                effects.set(
                  [...(all ? [a] : []), ...(own ? [b] : [])].join(),
                  effectOf(ways[(all ? a : 0) * VALUES + (own ? b : 0)]!, cpu),
                );
            return { cost: cost as 0 | 1, wants: 0, reads, effects };
          }),
        }),
      ),
    ),
    { holds: 0, finished: true, fence: end, edges: [] },
  ];
  if (broken) {
    // On one CPU another way is taken.
    const at = onCpu(pick(on), pick(cpus));
    const [first, ...rest] = locals[at]!.edges;
    const effects = new Map(first!.effects);
    const [key] = [...effects.keys()].slice(pick(effects.size));
    effects.set(key!, { to: end, stores: [[ALL, 1 + pick(2)]], fence: 0 });
    locals[at] = { ...locals[at]!, edges: [{ ...first!, effects }, ...rest] };
  }
  const most = pick(3);
  const oddMemory = broken && pick(4) === 0;
  const model: Model = {
    start: Array.from({ length: tasks }, () => 0),
    locals,
    cells,
    values: VALUES + 1,
    badMemory: (values) =>
      most === 0
        ? values.slice(FIRST_OWN).every((value) => value === 2)
        : oddMemory && values[FIRST_OWN] === 2 && values[FIRST_OWN + 1] === 0,
    badEnd: (_, values) => most === 1 && values.slice(FIRST_OWN).filter((value) => value === 1).length === 1,
  };
  const orders = permutations(cpus);
  const images = ({ locals: now, values }: Plain): Plain[] =>
    orders.map((order) => ({
      locals: now.map((local) => {
        if (local < off || local === end) return local;
        const [kind, cpu] = [Math.floor((local - off) / cpus), (local - off) % cpus];
        return onCpu(kind, order[cpu]!);
      }),
      values: values.map((value, cell) => {
        if (cell === LAST) return value === 0 ? 0 : order[value - 1]! + 1;
        return cell < FIRST_OWN ? value : values[FIRST_OWN + order.indexOf(cell - FIRST_OWN)]!;
      }),
    }));
  return { model, cpus, broken, images };
}

function permutations(length: number): number[][] {
  if (length === 0) return [[]];
  return permutations(length - 1).flatMap((order) =>
    Array.from({ length }, (_, n) => [...order.slice(0, n), length - 1, ...order.slice(n)]),
  );
}
