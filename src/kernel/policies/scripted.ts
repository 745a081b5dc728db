import { type Policy, policy, type View } from '../policy.js';
import { RIP } from '../registers.js';
import type { CpuState, Task, Turn } from '../state.js';
import { leastLoaded } from './place.js';
import type { Script, Step, Who } from './script.js';

interface Data {
  readonly steps: readonly Step[];
  /** The step under way, and, of `run`, instructions done before the turn that is on. */
  at: number;
  done: number;
  /** KernelState.instructions when that turn began; -1: none. */
  since: number;
  /** Who must get the CPU next. */
  wanted: number;
  /** CPU that ran last while a step waited. */
  last: number;
  rest: unknown;
}

/** Instructions of a turn of the others, while a step waits for its thread. */
const MEANWHILE = 100;

/** Follows a script, then another policy. */
export function scripted({ steps }: Script, rest: Policy): Policy {
  const resting = (data: Data): Policy => ({ ...rest, data: data.rest });
  const over = (data: Data): boolean => data.at >= data.steps.length;
  return policy<Data>(
    { steps, at: 0, done: 0, since: -1, wanted: 0, last: -1, rest: rest.data },
    {
      turn(data, view, ready) {
        settle(data, view);
        while (!over(data)) {
          const turn = follow(data, view, ready);
          if (turn !== undefined) return turn;
          next(data);
        }
        return resting(data).turn(view, ready);
      },
      pick: (data, view, cpu) =>
        cpu.queue.find(({ tid }) => tid === data.wanted) ??
        (over(data) ? resting(data).pick(view, cpu) : cpu.queue[0]!),
      place: (data, view, task, allowed) =>
        over(data) ? resting(data).place(view, task, allowed) : leastLoaded(task, allowed),
    },
  );
}

function next(data: Data): void {
  data.at++;
  data.done = 0;
  data.since = -1;
}

/** What the last turn of `run` did counts. */
function settle(data: Data, { state }: View): void {
  if (data.since < 0) return;
  data.done += state.instructions - data.since;
  data.since = -1;
}

/** The turn that the step under way asks for; undefined where it is done. */
function follow(data: Data, view: View, ready: readonly CpuState[]): Turn | undefined {
  const step = data.steps[data.at]!;
  const { state } = view;
  if (step.kind === 'signal' || step.kind === 'migrate') {
    next(data);
    const task = state.tasks.get(step.tid);
    const cpu = ready[0]!;
    if (step.kind === 'signal') return { cpu, instructions: 0, end: 'continue', acts: [step] };
    const { tid, to } = step;
    if (task === undefined || state.cpus[to] === undefined) return undefined;
    const own = state.cpus[task.cpu]!;
    if (own.current === task) return { cpu: own, instructions: 0, end: 'migrate', to };
    return { cpu, instructions: 0, end: 'continue', acts: [{ kind: 'move', tid, to }] };
  }
  const task = find(view, step.who);
  if (task === 'gone') return undefined;
  if (task === undefined) return meanwhile(data, ready);
  const cpu = state.cpus[task.cpu]!;
  if (cpu.current !== task) {
    data.wanted = task.tid;
    return cpu.queue.includes(task) ? { cpu, instructions: 0, end: 'preempt' } : meanwhile(data, ready);
  }
  switch (step.kind) {
    case 'run': {
      const left = step.instructions - data.done;
      if (left <= 0) return undefined;
      data.since = state.instructions;
      return { cpu, instructions: left, end: 'continue' };
    }
    case 'until':
      return task.registers[RIP] === step.ip ? undefined : { cpu, instructions: 1, end: 'continue' };
    default:
      next(data);
      return { cpu, instructions: 0, end: step.kind };
  }
}

/** The thread that a step is about; undefined while there is none yet. */
function find({ state }: View, who: Who): Task | 'gone' | undefined {
  if ('cpu' in who) return state.cpus[who.cpu] === undefined ? 'gone' : state.cpus[who.cpu]!.current;
  return state.tasks.get(who.tid) ?? (who.tid < state.nextPid ? 'gone' : undefined);
}

function meanwhile(data: Data, ready: readonly CpuState[]): Turn {
  const cpu = ready.find(({ id }) => id > data.last) ?? ready[0]!;
  data.last = cpu.id;
  return { cpu, instructions: MEANWHILE, end: cpu.queue.length > 0 ? 'preempt' : 'continue' };
}
