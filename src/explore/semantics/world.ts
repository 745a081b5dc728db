import type { Event } from '../../event/event.js';
import type { Host } from '../../kernel/host.js';
import { Kernel } from '../../kernel/kernel.js';
import { makePolicy } from '../../kernel/policies/index.js';
import type { Program } from '../../kernel/program.js';
import { FS_BASE } from '../../kernel/registers.js';
import { run } from '../../kernel/run.js';
import { bootScenario } from '../../kernel/scenario/boot.js';
import type { ScenarioState, Task } from '../../kernel/state.js';
import { PAGE_SIZE } from '../../machine/state.js';
import { Refusal } from './refusal.js';
import { RegisterFiles, type Registers } from './registers.js';
import { type KernelPart, KernelParts } from './task-kernel.js';
import { toLocal, type Window } from './values.js';
import { WatchedMachine, WORD } from './watched.js';

/** What is explored, and under which rules. */
export interface Settings {
  readonly kernel: string;
  readonly debugRseq: boolean;
  /** Whose entry code the kernel has, x86-64's unless said otherwise. */
  readonly arch?: 'x86-64' | 'aarch64';
  readonly cpus: number;
  readonly scenario: string | undefined;
  /** The scenario's tasks are these calls (kernel/scenario/task-calls.ts), whatever scenarios the file has. */
  readonly calls?: readonly string[];
  /** Memory is x86-TSO: stores that the store buffer of a CPU holds. Undefined: memory is sequentially consistent. */
  readonly storeBuffer?: number;
}

/** A task that has not begun: registers, words of its window that are not 0, and what the kernel keeps of it. */
export interface Start {
  readonly registers: Registers;
  readonly words: readonly (readonly [word: number, value: bigint])[];
  readonly kernel: KernelPart;
  /** Signals that will come: each by the first of the scenario's with its number and handler, so that tasks with the same ones are alike. */
  readonly signals: readonly number[];
}

/** Does it matter when stores reach memory? Not to tasks that never run at the same time. */
export const hasStoreOrder = ({ settings, tasks }: Pick<World, 'settings' | 'tasks'>): boolean =>
  settings.cpus > 1 && tasks.length > 1;

/** Who may run a scenario's setup for so many instructions. */
const LONGEST_SETUP = 200_000_000;
/** Pages that a scenario may touch. */
const PAGES = 1 << 18;

const NO_HOST: Host = {
  read: () => new Uint8Array(0),
  write: () => {},
  file: () => undefined,
  directory: () => undefined,
};

/** A scenario behind its setup: the simulated Linux, its memory, and the tasks that are about to begin. Throws ProgramError, Refusal. */
export class World {
  readonly kernel: Kernel;
  readonly machine: WatchedMachine;
  readonly scenario: ScenarioState;
  readonly main: Task;
  readonly tasks: readonly Task[];
  readonly windows: readonly Window[];
  readonly mainWindow: Window;
  /** What the first thread's window holds. */
  readonly mainWords: Start['words'];
  /** The tasks as they begin. */
  readonly starts: readonly Start[];
  /** Signal handlers of the process: nobody changes them. */
  readonly handlers: Task['process']['handlers'];
  /** For accesses: a byte for each word of a window; all 0 between transitions. */
  readonly marks: Uint8Array;
  readonly registerFiles = new RegisterFiles();
  readonly kernelParts = new KernelParts();
  /** Told of what the kernel does. */
  onEvent: ((event: Event) => void) | undefined;

  constructor(
    readonly program: Program,
    readonly settings: Settings,
  ) {
    const kernel = new Kernel({
      version: settings.kernel,
      debugRseq: settings.debugRseq,
      arch: settings.arch ?? 'x86-64',
      cpus: settings.cpus,
      seed: 1,
      memoryLimit: PAGES,
      policy: makePolicy('rr', 1),
      host: NO_HOST,
      onEvent: (event) => this.onEvent?.(event),
    });
    kernel.spaces.makeMachine = () => new WatchedMachine();
    this.kernel = kernel;
    this.main = bootScenario(kernel, program, settings.scenario, settings.calls);
    this.scenario = kernel.state.scenario!;
    this.setUp();
    this.machine = kernel.spaces.of(this.main.mm.id).machine as WatchedMachine;
    this.tasks = [...kernel.state.tasks.values()].filter((task) => task !== this.main);
    this.windows = this.tasks.map((task) => windowOf(task));
    this.mainWindow = windowOf(this.main);
    const longest = Math.max(...[this.mainWindow, ...this.windows].map(({ start, end }) => end - start));
    this.marks = new Uint8Array(longest / WORD);
    this.handlers = this.main.process.handlers.slice();
    this.claimPages();
    kernel.state.timers = [];
    this.mainWords = this.wordsOf(this.mainWindow);
    this.starts = this.tasks.map((task, index) => this.startOf(task, this.windows[index]!));
  }

  private setUp(): void {
    const { kernel, scenario } = this;
    while (scenario.phase === 'setup') {
      const outcome = run(kernel, 1);
      if (scenario.failure !== undefined)
        throw new Refusal(`setup of scenario ${scenario.name}: ${scenario.failure}`);
      if (outcome.kind !== 'paused')
        throw new Refusal(`setup of scenario ${scenario.name} does not return: look at it with rseqlab run`);
      if (kernel.state.instructions > LONGEST_SETUP)
        throw new Refusal(
          `setup of scenario ${scenario.name} has not returned after ${LONGEST_SETUP} instructions; make it shorter`,
        );
    }
  }

  private startOf(task: Task, window: Window): Start {
    // Where a task was put first means nothing: it has not run yet.
    task.cpu = 0;
    task.rseq.causes.clear();
    task.rseq.mask = 0;
    return {
      signals: this.signalsOf(this.tasks.indexOf(task)),
      registers: this.registerFiles.pack(task.registers, window),
      words: this.wordsOf(window),
      kernel: this.kernelParts.take(task, window, false),
    };
  }

  private wordsOf(window: Window): Start['words'] {
    const words: [number, bigint][] = [];
    for (let at = window.start; at < window.end; at += WORD) {
      const value = this.machine.word(at);
      if (value !== 0n) words.push([(at - window.start) / WORD, toLocal(value, window)]);
    }
    return words;
  }

  private signalsOf(task: number): number[] {
    const { signals, tasks } = this.scenario;
    return signals
      .filter((signal) => signal.task === tasks[task]!.name)
      .map(({ signal, handler }) =>
        signals.findIndex((each) => each.signal === signal && each.handler === handler),
      );
  }

  /** First writes fault, and change the kernel's books: all that may be written is touched before anything is explored. */
  private claimPages(): void {
    for (const { start, end, protection } of this.main.mm.areas.map((area) => ({
      start: area.start,
      end: area.end,
      protection: area.protection,
    }))) {
      if ((protection & 2) === 0) continue;
      for (let page = start; page < end; page += PAGE_SIZE) {
        const at = BigInt(page);
        this.machine.store(at, this.machine.load(at, 8), 8);
      }
    }
  }
}

function windowOf(task: Task): Window {
  const pointer = Number(task.registers[FS_BASE]);
  const area = task.mm.areas.find(({ start, end }) => start <= pointer && pointer < end)!;
  return { start: area.start, end: area.end };
}
