import type { Event } from '../../event/event.js';
import type { Arch } from '../../kernel/arch/index.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { Program } from '../../kernel/program.js';
import type { ScenarioState, Task } from '../../kernel/state.js';
import { PAGE_SIZE } from '../../machine/state.js';
import { assertOf, placeAt, recordedOrigin, standingAt } from './begun.js';
import { Calls } from './calls.js';
import { type Origin, scenarioOrigin } from './origin.js';
import { Refusal } from './refusal.js';
import { RegisterFiles } from './registers.js';
import type { Settings } from './settings.js';
import { FIRST_STANDING, STANDING } from './standing.js';
import { type Start, wordsOf } from './starts.js';
import { KernelParts } from './task-kernel.js';
import { fromLocal, placeIn, sizeOf, type Window } from './values.js';
import { type WatchedMachine, WORD } from './watched.js';
import { windowOf, windowsOf } from './windows.js';

/** Does it matter when stores reach memory? Not to tasks that never run at the same time. */
export const hasStoreOrder = ({ settings, tasks }: Pick<World, 'settings' | 'tasks'>): boolean =>
  settings.cpus > 1 && tasks.length > 1;

/** What is explored, at its start: the simulated Linux, its memory, and the tasks. Throws ProgramError, Refusal. */
export class World {
  readonly kernel: Kernel;
  /** What its programs are for. */
  readonly arch: Arch;
  readonly calls: Calls;
  readonly machine: WatchedMachine;
  readonly scenario: ScenarioState;
  readonly main: Task;
  readonly tasks: readonly Task[];
  /** Tasks are threads of a program under way; else they have not run yet, and are alike. */
  readonly begun: boolean;
  /** What is explored is a whole program. */
  readonly linked: boolean;
  readonly windows: readonly Window[];
  readonly mainWindow: Window;
  /** What the first thread's window holds. */
  readonly mainWords: Start['words'];
  /** The tasks as they begin. */
  readonly starts: readonly Start[];
  /** How the tasks stand at the start (STANDING). */
  readonly standings: readonly bigint[];
  /** Where stacks end, as a word of a window: above that nothing is ever given back. */
  readonly stackTop: number;
  /** Signal handlers of the process: nobody changes them. */
  readonly handlers: Task['process']['handlers'];
  /** For accesses: a byte for each word of a window; all 0 between transitions. */
  readonly marks: Uint8Array;
  readonly registerFiles: RegisterFiles;
  readonly kernelParts = new KernelParts();
  /** Told of what the kernel does. */
  onEvent: ((event: Event) => void) | undefined;
  /** When everything begins, and each transition again. */
  readonly clock: number;
  /** Where a claim of assert(3) that does not hold leads; undefined where nothing is known of that. */
  readonly asserts: bigint | undefined;
  private readonly own: (ReadonlyMap<number, bigint> | undefined)[] = [];

  constructor(
    readonly program: Program,
    readonly settings: Settings,
    origin: Origin = originOf(program, settings),
  ) {
    const { kernel, main, tasks, begun, linked } = origin;
    if (kernel.state.cpus.length !== settings.cpus)
      throw new Refusal(`there are ${kernel.state.cpus.length} CPUs at the start, not ${settings.cpus}`);
    origin.listen((event) => this.onEvent?.(event));
    this.kernel = kernel;
    this.arch = kernel.arch;
    this.calls = new Calls(kernel.arch);
    this.registerFiles = new RegisterFiles(kernel.arch);
    refuseModel(kernel.arch, settings);
    this.main = main;
    this.tasks = tasks;
    this.begun = begun;
    this.linked = linked;
    this.scenario = kernel.state.scenario!;
    this.machine = kernel.spaces.of(main.mm.id).machine as WatchedMachine;
    this.windows = begun ? windowsOf(kernel.arch, tasks, origin.areas) : tasks.map(windowOf);
    this.mainWindow = begun
      ? this.windows[tasks.indexOf(main)]!
      : linked
        ? windowsOf(kernel.arch, [main], new Map())[0]!
        : windowOf(main);
    const longest = Math.max(...[this.mainWindow, ...this.windows].map(sizeOf));
    this.marks = new Uint8Array(longest / WORD);
    this.handlers = main.process.handlers.slice();
    this.claimPages();
    this.standings = tasks.map((task) => (begun ? standingAt(kernel, task) : STANDING.awake));
    kernel.state.timers = [];
    this.clock = kernel.state.clock;
    this.asserts = linked ? assertOf(program, main) : undefined;
    this.mainWords = begun ? [] : wordsOf(this.machine, this.mainWindow, 0, 0);
    this.stackTop = begun
      ? longest / WORD
      : Math.min(
          ...tasks.map((task, n) =>
            Math.floor((Number(task.registers[this.arch.stackPointer]!) - this.windows[n]!.start) / WORD),
          ),
        );
    this.starts = tasks.map((task, index) => this.startOf(task, index));
  }

  /** Whose own a word of memory is; undefined of one that is nobody's. */
  ownerOf(word: number): number | undefined {
    const at = word * WORD;
    const owner = this.windows.findIndex((window) => placeIn(window, at) !== undefined);
    return owner < 0 ? undefined : owner;
  }

  /** What a word held at the start; of one that is nobody's, as long as it is constant. */
  initial(word: number): bigint {
    if (word >= FIRST_STANDING) return this.standings[word - FIRST_STANDING]!;
    const owner = this.begun ? this.ownerOf(word) : undefined;
    if (owner === undefined) return this.machine.word(word * WORD);
    const window = this.windows[owner]!;
    const own = this.own[owner] ?? new Map(this.starts[owner]!.words);
    this.own[owner] = own;
    return fromLocal(own.get(placeIn(window, word * WORD)! / WORD) ?? 0n, window);
  }

  private startOf(task: Task, index: number): Start {
    const window = this.windows[index]!;
    if (!this.begun && this.scenario.program?.create === undefined) {
      // Where a task was put first means nothing: it has not run yet.
      task.cpu = 0;
      task.rseq.causes.clear();
      task.rseq.mask = 0;
    }
    const { stackPointer, convention } = this.arch;
    const live = placeIn(window, Number(task.registers[stackPointer]!) - convention.redZone);
    return {
      place: this.begun ? placeAt(this.kernel, task) : { kind: 'off' },
      signals: this.signalsOf(index),
      registers: this.registerFiles.pack(task.registers, window),
      words: wordsOf(
        this.machine,
        window,
        (live ?? Number.POSITIVE_INFINITY) / WORD,
        this.begun ? this.stackTop : 0,
      ),
      kernel: this.kernelParts.take(task, window, false),
      results: [],
    };
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

/** x86-TSO is the memory of one architecture. */
function refuseModel({ name }: Arch, { storeBuffer }: Settings): void {
  if (storeBuffer !== undefined && name !== 'x86-64')
    throw new Refusal(
      `the code is for ${name}, and --memory tso is how memory behaves on x86-64; leave it out: sequentially consistent interleavings are explored`,
    );
}

const originOf = (program: Program, settings: Settings): Origin =>
  settings.from === undefined ? scenarioOrigin(program, settings) : recordedOrigin(program, settings.from);
