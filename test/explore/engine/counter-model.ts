import type { Edge, Graph } from '../../../src/explore/graph.js';
import type { ReadCell, Semantics } from '../../../src/explore/semantics.js';

/**
 * A per-CPU counter incremented by restartable sequences: the published Promela model that SPIN explores, as locals and cells. pc 0: read
 * cpu_id, 1: load the counter, 2: add, 3: commit. `tasks` run on `cpus` with `increments` each; up to `signals` handlers in each
 * task make one increment of their own. Every boundary can be preempted or interrupted, which aborts the section to pc 0; with `bug` a
 * preemption does not. The invariant: the sum of the counters is the number of increments done.
 */
export interface Parameters {
  readonly tasks: number;
  readonly cpus: number;
  readonly increments: number;
  readonly signals: number;
  readonly bug?: boolean;
  /** Scheduling costs 1, as for machine code; otherwise nothing does, and the search is plain breadth first. */
  readonly costs?: boolean;
}

interface Task {
  readonly pc: number;
  readonly index: number;
  /** -1: none. */
  readonly cpu: number;
  readonly register: number;
  readonly done: number;
  readonly signals: number;
  readonly handling: boolean;
}
const LABELS = ['resume', 'read-cpu', 'load', 'add', 'commit', 'preempt', 'signal', 'finish'] as const;

export function counterModel({ tasks, cpus, increments, signals, bug, costs = true }: Parameters): Semantics {
  const ids = new Map<string, number>();
  const known: Task[] = [];
  const aborted = { pc: 0, index: 0, register: 0 };

  const edgesOf = (task: Task): { edge: Edge; to?: Task }[] => {
    const edges: { edge: Edge; to?: Task }[] = [];
    const add = (label: (typeof LABELS)[number], to?: Task, wants = 0): void => {
      const scheduling = label === 'resume' || label === 'preempt' || label === 'signal';
      const edge = { label: LABELS.indexOf(label), cost: costs && scheduling ? 1 : 0, wants } as const;
      edges.push(to === undefined ? { edge } : { edge, to });
    };
    if (task.cpu < 0) {
      if (task.done <= increments)
        for (let cpu = 0; cpu < cpus; cpu++) add('resume', { ...task, cpu }, 1 << cpu);
      return edges;
    }
    if (task.pc === 0 && (task.done < increments || task.handling))
      add('read-cpu', { ...task, index: task.cpu, pc: 1 });
    if (task.pc === 1) add('load');
    if (task.pc === 2) add('add', { ...task, register: task.register + 1, pc: 3 });
    if (task.pc === 3) add('commit');
    const off = { ...task, cpu: -1 };
    add('preempt', bug ? off : { ...off, ...aborted });
    if (!task.handling && task.signals < signals && task.done < increments)
      add('signal', { ...task, ...aborted, signals: task.signals + 1, handling: true });
    if (task.pc === 0 && task.done === increments && !task.handling)
      add('finish', { ...off, done: increments + 1 });
    return edges;
  };
  const intern = (graph: Graph, task: Task): number => {
    const key = JSON.stringify(task);
    let id = ids.get(key);
    if (id === undefined) {
      id = graph.addLocal(
        task.cpu < 0 ? 0 : 1 << task.cpu,
        task.done > increments,
        edgesOf(task).map(({ edge }) => edge),
      );
      ids.set(key, id);
      known[id] = task;
    }
    return id;
  };

  return {
    tasks,
    start(graph) {
      ids.clear();
      // Cells 0 to cpus - 1 are the counters, the last one is the number of increments done.
      for (let cell = 0; cell <= cpus; cell++) graph.addCell(0);
      const first: Task = { ...aborted, cpu: -1, done: 0, signals: 0, handling: false };
      return Array.from({ length: tasks }, () => intern(graph, first));
    },
    resolve(graph, local, index, value) {
      const task = known[local]!;
      const { edge, to } = edgesOf(task)[index]!;
      const root = graph.rootOf(local, index);
      if (to !== undefined) {
        graph.setLeaf(root, intern(graph, to));
        return;
      }
      if (LABELS[edge.label] === 'load') {
        const read = value(task.index);
        graph.setRead(root, task.index);
        graph.setLeaf(graph.child(root, read), intern(graph, { ...task, register: read, pc: 2 }));
        return;
      }
      const total = value(cpus);
      graph.setRead(root, cpus);
      const left = task.handling ? { handling: false } : { done: task.done + 1 };
      graph.setLeaf(graph.child(root, total), intern(graph, { ...task, ...aborted, ...left }), [
        [task.index, task.register],
        [cpus, total + 1],
      ]);
    },
    fence() {
      throw new Error('nothing here makes a fence');
    },
    memory(value: ReadCell) {
      let sum = 0;
      for (let cell = 0; cell < cpus; cell++) sum += value(cell);
      return sum === value(cpus) ? undefined : 0;
    },
    end: () => undefined,
  };
}
