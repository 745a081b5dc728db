import { hex } from '../abi/address.js';
import { RSEQ_ORIG_SIZE } from '../abi/rseq.js';
import { readImage } from '../binary/read.js';
import { nameOfSignal, TRACER } from '../kernel/scenario/parts.js';
import { explain } from './explain.js';
import type { Explored, ScenarioOptions } from './scenario.js';
import type { Learned } from './semantics/knowledge.js';
import { Names } from './semantics/names.js';
import { type Telling, tellPath } from './semantics/path.js';
import type { Settings } from './semantics/settings.js';
import { Story } from './semantics/story.js';
import type { SourceLines } from './source.js';
import type * as timeline from './timeline.js';
import type { Hex } from './timeline.js';

export interface Told {
  readonly verdict: timeline.Verdict;
  /** Of a counterexample: what to do to see it again. */
  readonly telling: Telling | undefined;
  /** What the telling needs to be run again. */
  readonly learned: Learned;
}

/** An explored scenario as the document of the command. `lines`: of source files, where they can be read. */
export function tellVerdict(
  explored: Explored,
  settings: Settings,
  options: ScenarioOptions,
  lines: SourceLines,
): Told {
  const { verdict, world, knowledge } = explored;
  const { program, scenario } = world;
  const names = new Names(world, readImage(program.bytes, program.path, { ownPages: true }), lines);
  const tasks = scenario.tasks.map(({ name }) => ({
    name,
    signals: scenario.signals.filter(({ task }) => task === name).map(nameOfSignal),
  }));
  const sections = coverageOf(explored, names);
  const points = sections.flatMap((section) => section.points);
  let telling: Telling | undefined;
  let counterexample: timeline.Counterexample | undefined;
  if (verdict.kind === 'violation') {
    const story = new Story(world, knowledge, explored.again.memories, explored.again.buffers, names);
    const watched = knowledge.cells.words.flatMap((word, cell) =>
      story.isMemory(cell)
        ? {
            name: story.cellName(cell),
            address: hex(word * 8) as Hex,
            size: 8,
            initial: hex(knowledge.cells.initial(cell)) as Hex,
          }
        : [],
    );
    telling = tellPath(explored.again, story, verdict.counterexample);
    counterexample = counterexampleOf(explored, telling, tasks, watched);
  }
  return {
    telling,
    learned: knowledge.learned,
    verdict: {
      verdict: verdict.kind === 'violation' ? 'counterexample' : verdict.kind,
      scenario: scenario.name,
      claim: scenario.claim,
      sentence: sentenceOf(explored, counterexample),
      tasks,
      options: {
        cpus: settings.cpus,
        kernel: settings.kernel,
        debugRseq: settings.debugRseq,
        ...(rulesOf(world) === 'aarch64' && { arch: 'aarch64' }),
        ...(settings.storeBuffer === undefined
          ? ({ memory: 'sc' } as const)
          : ({ memory: 'tso', storeBuffer: settings.storeBuffer } as const)),
        ...(options.maxStates !== undefined && { maxStates: options.maxStates }),
        ...(options.maxCost !== undefined && { maxAborts: options.maxCost }),
        ...(options.time !== undefined && { time: options.time }),
      },
      counts: {
        states: verdict.states,
        transitions: verdict.transitions,
        layers: verdict.cost + 1,
        locals: verdict.locals,
        memories: verdict.memories,
        abortPoints: { covered: points.filter(({ covered }) => covered).length, all: points.length },
      },
      sections,
      reductions: reductionsOf(explored, options),
      store: {
        exact: verdict.exact,
        fingerprintBits: verdict.exact ? 0 : 64,
        collisionBound: verdict.collision,
      },
      assumptions: assumptionsOf(explored, settings),
      ...(verdict.kind === 'bounded' && { bound: boundOf(verdict, options) }),
      ...(counterexample && { counterexample }),
      effort: {
        seconds: verdict.seconds,
        jobs: options.jobs ?? 1,
        asleep: verdict.slept,
        ...(verdict.states > 0 && { bytesPerState: Math.round(verdict.bytes / verdict.states) }),
      },
    },
  };
}

function counterexampleOf(
  { verdict, again }: Explored,
  { told, loop }: Telling,
  tasks: readonly timeline.TaskInfo[],
  watched: readonly timeline.Watched[],
): timeline.Counterexample {
  if (verdict.kind !== 'violation') throw new Error('no counterexample');
  const { violation: met, cost } = verdict.counterexample;
  const rows = told.map(({ row }) => row);
  const bad = 'id' in met ? again.bad[met.id]! : undefined;
  const last = told.at(-1)?.bad ?? bad;
  const violation = {
    kind: last?.kind ?? (met.kind === 'livelock' ? 'livelock' : 'deadlock'),
    text:
      last?.text ?? (met.kind === 'livelock' ? 'tasks run for ever without getting on' : 'no task can go on'),
    row: rows.length - 1,
    ...(loop !== undefined && { loop }),
  } as const;
  return { cost, violation, explanation: explain(rows, tasks, violation), watched, rows };
}

function coverageOf({ world, knowledge, code }: Explored, names: Names): timeline.SectionCoverage[] {
  return knowledge.sections.map((range) => {
    const aborted = code.coverage.of(range);
    const points: timeline.AbortPoint[] = [];
    // A descriptor may state a length that leads anywhere: an address, say.
    const end = Math.min(range.end, codeEnd(world, range.start));
    for (let ip = range.start; ip < end; ) {
      const { text, length } = names.instruction(ip);
      const source = names.source(ip);
      points.push({
        ip: hex(ip) as Hex,
        place: names.place(ip),
        text,
        ...(source && { source }),
        covered: aborted.has(ip),
      });
      ip += Math.max(1, length);
    }
    const source = names.source(range.start);
    return {
      name: names.place(range.start),
      startIp: hex(range.start) as Hex,
      endIp: hex(range.end) as Hex,
      abortIp: hex(range.abort) as Hex,
      abortPlace: names.place(range.abort),
      ...(source && { source }),
      points,
    };
  });
}

/** Where the code that is there ends. */
const codeEnd = ({ main }: Explored['world'], at: number): number =>
  main.mm.areas.find(({ start, end, protection }) => start <= at && at < end && (protection & 4) !== 0)
    ?.end ?? at;

function sentenceOf(
  { verdict, world }: Explored,
  counterexample: timeline.Counterexample | undefined,
): string {
  const claim = world.scenario.claim === '' ? 'nothing goes wrong' : world.scenario.claim;
  if (verdict.kind === 'verified') return `${claim}: in every interleaving`;
  if (verdict.kind === 'bounded') return `${claim}: so far; not all interleavings were seen`;
  return `${claim}: not always. ${counterexample!.violation.text}`;
}

function reductionsOf({ symmetry, alike }: Explored, { reductions }: ScenarioOptions): timeline.Reduction[] {
  return [
    { name: 'task symmetry', on: symmetry, option: '--no-task-symmetry' },
    { name: 'CPU symmetry', on: alike, option: '--no-cpu-symmetry' },
    {
      name: 'fusion of instructions that nobody else can notice',
      on: reductions.fusion,
      option: '--no-fusion',
    },
    { name: 'dead registers', on: reductions.registers, option: '--no-dead-registers' },
    { name: 'sleep sets', on: reductions.sleep, option: '--no-sleep-sets' },
  ];
}

/** Whose entry code the kernel has. */
const rulesOf = ({ kernel }: Explored['world']): 'x86-64' | 'aarch64' =>
  kernel.options.arch ?? kernel.arch.name;

/** What the simulated processor is compared with. */
const PROCESSORS = { 'x86-64': 'a real one', aarch64: "qemu's, not to a real one" } as const;

function assumptionsOf(
  { serial, verdict, knowledge, code, world }: Explored,
  { kernel, cpus, debugRseq, storeBuffer }: Settings,
): string[] {
  const length = Math.max(RSEQ_ORIG_SIZE, world.kernel.rules.featureSize);
  return [
    'these tasks, these CPUs and this machine code: with more of them, or from another compiler, it is another scenario',
    `the kernel treats sections as Linux ${kernel} does on ${rulesOf(world)}${debugRseq ? ' with CONFIG_DEBUG_RSEQ' : ''} (docs/kernel-model.md), with ${cpus} CPU${cpus === 1 ? '' : 's'}; each task begins with a struct rseq of ${length} bytes registered, as glibc does it`,
    `instructions do what they do on the simulated processor, which is held to ${PROCESSORS[world.arch.name]} (docs/machine.md)`,
    ...(storeBuffer === undefined ? SEQUENTIAL[world.arch.name] : storeBuffers(storeBuffer, code)),
    'a task can lose its CPU, get any CPU that is free, and get each of its signals once, in front of every instruction; nothing else interrupts it',
    ...(world.scenario.signals.some(({ signal }) => signal === TRACER) ? TRACERS : []),
    ...(world.begun ? BEGUN : world.linked ? LINKED : []),
    ...(world.scenario.setup === undefined
      ? []
      : ['setup runs on CPU 0 and is not interrupted: tasks begin with what it leaves']),
    'system calls take effect all at once; what the scenario calls outside of it does not exist',
    ...(world.main.mm.callSites.length > 0
      ? [
          'what the program says of its system calls is done as `rseqlab annotate` does it (include/rseqlab_syscall.h)',
        ]
      : []),
    knowledge.cids
      ? 'a task that gets a CPU gets any mm_cid that no running task has, below the number of CPUs and that of threads'
      : 'no task looks at mm_cid (none did)',
    ...(serial === undefined
      ? []
      : [
          'operations are right when nobody disturbs them: what they do then is taken for what they should do',
        ]),
    ...(verdict.exact
      ? []
      : [
          `no two states have the same 64-bit fingerprint: the chance that two do is below ${verdict.collision.toExponential(1)}`,
        ]),
  ];
}

const TRACERS = [
  'a tracer stops its task once, in front of any instruction, and then acts in its place: nothing else stops the tracer but the loss of its CPU',
];

const LINKED = [
  'the program has run to where main() begins, and its threads were started by its own pthread_create, if it has one: tasks begin with what that leaves',
];

const BEGUN = [
  'everything before the start is as it was recorded, or as the image has it, and nothing but the threads acts on the process: no signals from outside, no other processes',
  'who sleeps for a time may wake up at any moment, however long that is',
  'memory that is given back (munmap) is not used any more; nothing comes of what is written to standard output and standard error',
];

const SEQUENTIAL = {
  'x86-64': [
    'instructions of different CPUs take effect one after the other (sequential consistency), each all at once; but of one that reads and then writes memory without a lock prefix, the stores come by themselves',
  ],
  aarch64: [
    'instructions of different CPUs take effect one after the other (sequential consistency), each all at once, pairs too. AArch64 promises that only of one CPU, which sees its own accesses in program order: what tasks on different CPUs say to each other without acquire, release or barriers can be seen in other orders, and those were not explored',
    'a store exclusive succeeds where nothing has interrupted its task since the load exclusive and memory holds what was loaded, as a compare and swap would, and fails otherwise',
  ],
} as const;

const storeBuffers = (size: number, { buffers, order }: Explored['code']): string[] => [
  "memory is x86-TSO: stores wait in their CPU's store buffer, first in, first out; all else that an instruction does happens at once. Locked instructions, mfence, cpuid, interruptions, exceptions, membarrier(2) and sched_yield(2) empty the buffer; other system calls do not",
  order?.full === true
    ? `a store buffer holds ${size} stores (--store-buffer): with more waiting, the next store waits too`
    : `a store buffer holds ${size} stores (--store-buffer); never were there more than ${buffers.longest}`,
  'a store of up to 8 bytes within 64 aligned ones reaches memory at once, so do 16 aligned bytes; what is larger goes word by word, upwards. Memory is write-back, and non-temporal and string stores come in order like all others',
];

const BOUNDS = {
  states: 'states',
  memory: 'memory',
  time: 'time',
  cost: 'aborts',
  interrupt: 'interrupted',
} as const;

function boundOf(
  verdict: Extract<Explored['verdict'], { kind: 'bounded' }>,
  options: ScenarioOptions,
): timeline.Bound {
  const text = {
    states: `--max-states ${options.maxStates} was reached`,
    memory: 'the memory that the search may take is full: give it more with --max-memory',
    time: `--time ${options.time} is over`,
    cost: `--max-aborts ${options.maxCost} was reached`,
    interrupt: 'interrupted',
  }[verdict.bound];
  // This bound alone is looked at when a layer is complete.
  const complete = verdict.bound === 'cost' ? verdict.cost + 1 : verdict.cost;
  return { kind: BOUNDS[verdict.bound], text, ...(complete > 0 && { completeLayers: complete }) };
}
