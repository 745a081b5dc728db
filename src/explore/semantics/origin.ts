import { signalName } from '../../abi/signals.js';
import { readImage } from '../../binary/read.js';
import type { Event } from '../../event/event.js';
import { architectureOf } from '../../kernel/arch/index.js';
import type { Host } from '../../kernel/host.js';
import { Kernel, type KernelOptions } from '../../kernel/kernel.js';
import { makePolicy } from '../../kernel/policies/index.js';
import type { Program } from '../../kernel/program.js';
import { run } from '../../kernel/run.js';
import { bootScenario } from '../../kernel/scenario/boot.js';
import { bootProgram, openGate, programScenarios } from '../../kernel/scenario/boot-program.js';
import { type Scenario, scenariosOf } from '../../kernel/scenario/parts.js';
import type { ScenarioState, Task } from '../../kernel/state.js';
import { PAGE_SIZE } from '../../machine/state.js';
import { Refusal } from './refusal.js';
import type { Settings } from './settings.js';
import { WatchedMachine } from './watched.js';
import type { Area } from './windows.js';

/** A simulated Linux in the state from which everything is explored. Its machines are WatchedMachines. */
export interface Origin {
  readonly kernel: Kernel;
  /** Whose memory it is; of a scenario, the first thread, which runs its functions. */
  readonly main: Task;
  /** By task of the scenario. */
  readonly tasks: readonly Task[];
  /** Tasks are threads of a program under way, each where it is. Else they have not run yet. */
  readonly begun: boolean;
  /** It is a whole program with a C library, which they may call. */
  readonly linked: boolean;
  /** Where tasks that have begun have their struct rseq, or will have it. */
  readonly areas: ReadonlyMap<Task, Area>;
  /** What happens in the kernel is told to this one. */
  listen(observer: (event: Event) => void): void;
}

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

/** A scenario behind its setup; its tasks are about to begin. Throws ProgramError, Refusal. */
export function scenarioOrigin(program: Program, settings: Settings): Origin {
  let observer: (event: Event) => void = () => {};
  const kernel = new Kernel({
    ...kernelOptions(program, settings),
    onEvent: (event) => observer(event),
  });
  kernel.spaces.makeMachine = () => new WatchedMachine();
  const linked = !isObject(program);
  const main = (linked ? bootProgram : bootScenario)(kernel, program, settings.scenario, settings.calls);
  const scenario = kernel.state.scenario!;
  setUp(kernel, scenario);
  const threads = scenario.program?.create === undefined ? undefined : openGate(kernel);
  if (linked) growStack(kernel, main);
  return {
    kernel,
    main,
    tasks: threads ?? [...kernel.state.tasks.values()].filter((task) => task !== main),
    begun: false,
    linked,
    areas: new Map(),
    listen: (other) => {
      observer = other;
    },
  };
}

/** What scenarios a file has. Throws ProgramError. */
export function scenariosIn(program: Program, settings: Settings): readonly Scenario[] {
  const { bytes, path } = program;
  return isObject(program)
    ? scenariosOf(readImage(bytes, path, { ownPages: true }))
    : programScenarios(new Kernel(kernelOptions(program, settings)), program);
}

const isObject = ({ bytes, path }: Program): boolean => readImage(bytes, path).header.type === 'relocatable';

const kernelOptions = ({ bytes }: Program, settings: Settings): KernelOptions => ({
  version: settings.kernel,
  debugRseq: settings.debugRseq,
  programs: architectureOf(bytes),
  ...(settings.arch !== undefined && { arch: settings.arch }),
  cpus: settings.cpus,
  seed: 1,
  memoryLimit: PAGES,
  policy: makePolicy('rr', 1),
  host: NO_HOST,
});

/** Room for a stack that grows, in bytes: it does not grow while it is explored. */
const STACK = 256 * 1024;

export function growStack(kernel: Kernel, { mm }: Task): void {
  const { machine } = kernel.spaces.of(mm.id);
  const area = mm.areas.find(({ growsDown }) => growsDown);
  const from = (area?.start ?? 0) - STACK;
  for (let at = (area?.start ?? 0) - PAGE_SIZE; at >= from; at -= PAGE_SIZE) {
    try {
      machine.store(BigInt(at), 0n, 8);
    } catch {
      // It may not grow any more.
      return;
    }
  }
}

/** All threads are there, and wait. */
const isSetUp = ({ phase, program, tasks }: ScenarioState): boolean =>
  phase === 'tasks' && (program?.create === undefined || program.arrived.length === tasks.length);

function setUp(kernel: Kernel, scenario: ScenarioState): void {
  while (!isSetUp(scenario)) {
    const outcome = run(kernel, 1);
    if (scenario.failure !== undefined)
      throw new Refusal(`setup of scenario ${scenario.name}: ${scenario.failure}`);
    if (outcome.kind !== 'paused') {
      const signal = outcome.kind === 'ended' ? outcome.status & 0x7f : 0;
      throw new Refusal(
        `setup of scenario ${scenario.name} ${signal === 0 ? 'does not return' : `is killed by ${signalName(signal)}`}: look at it with rseqlab run`,
      );
    }
    if (kernel.state.instructions > LONGEST_SETUP)
      throw new Refusal(
        `setup of scenario ${scenario.name} has not returned after ${LONGEST_SETUP} instructions; make it shorter`,
      );
  }
}
