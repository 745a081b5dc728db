import { hex } from '../abi/address.js';
import { BinaryError } from '../binary/error.js';
import { readImage } from '../binary/read.js';
import { RecordingError } from '../event/recording.js';
import { ProgramError } from '../kernel/program-error.js';
import { general, RIP } from '../kernel/registers.js';
import { nameOfSignal } from '../kernel/scenario/parts.js';
import { CodeReader } from '../machine/decode.js';
import type { Moment, TaskMoment } from './moment.js';
import { areaOf, armedWith, ipOf, isInside, rangeAt } from './semantics/bounds.js';
import { Knowledge } from './semantics/knowledge.js';
import type { Draft } from './semantics/local.js';
import { Names } from './semantics/names.js';
import { PrivateMemories, wordAt } from './semantics/private-memory.js';
import { Anew, Refusal } from './semantics/refusal.js';
import { unpackRegisters } from './semantics/registers.js';
import { FIRST_STANDING } from './semantics/standing.js';
import { StoreBuffers } from './semantics/store-buffer.js';
import { Story, type TaskAct } from './semantics/story.js';
import { addressIn, fromLocal } from './semantics/values.js';
import { WORD } from './semantics/watched.js';
import { World } from './semantics/world.js';
import type { SourceLines } from './source.js';
import type { Hex, Row } from './timeline.js';
import { type CounterexampleTrace, counterexampleOf, programOf, TraceError } from './trace.js';

/** Whose stories can be told. */
interface Stage {
  readonly world: World;
  readonly knowledge: Knowledge;
  readonly names: Names;
}

/** A counterexample that is run again from a trace: as it was found, row by row, forth and back. Throws TraceError. */
export class Retelling {
  private readonly stage: Stage;
  private readonly story: Story;
  /** Tasks and memory behind each row that was told; the first is the beginning. */
  private readonly states: { readonly tasks: readonly Draft[]; readonly memory: readonly bigint[] }[] = [];
  private at = -1;

  constructor(
    private readonly trace: CounterexampleTrace,
    lines: SourceLines,
  ) {
    this.stage = trusted(() => stageOf(trace, lines));
    const { world, knowledge, names } = this.stage;
    this.story = new Story(world, knowledge, new PrivateMemories(knowledge.stack), new StoreBuffers(), names);
    this.keep();
  }

  /** The row that was told last; -1 at the beginning. */
  get row(): number {
    return this.at;
  }

  /** Tells the next row: runs it, where it was not run before; undefined behind the last. */
  next(): Row | undefined {
    const act = this.trace.acts[this.at + 1];
    if (act === undefined) return undefined;
    this.check(act);
    const { row } = trusted(() => this.story.tell(act));
    this.at++;
    this.keep();
    return row;
  }

  /** To where row `n` has just been told, or to the beginning (-1). */
  goTo(n: number): void {
    if (n < this.at) {
      const { tasks, memory } = this.states[n + 1]!;
      this.story.tasks.splice(0, tasks.length, ...tasks);
      this.story.memory.splice(0, memory.length, ...memory);
      this.states.length = n + 2;
      this.at = n;
    }
    while (this.at < n && this.next() !== undefined);
  }

  /** Where everything stands. */
  moment(): Moment {
    const { knowledge, world } = this.stage;
    return {
      row: this.at,
      tasks: this.story.tasks.map((draft, index) => this.taskMoment(draft, index, world)),
      memory: knowledge.cells.words.flatMap((_, cell) =>
        this.story.isMemory(cell)
          ? { name: this.story.cellName(cell), value: word(this.story.memory[cell]!) }
          : [],
      ),
    };
  }

  private keep(): void {
    this.states.push({ tasks: [...this.story.tasks], memory: [...this.story.memory] });
  }

  /** An act is none where the task stands otherwise. */
  private check({ task, act }: TaskAct): void {
    const wrong = (what: string): never => {
      throw new TraceError(`act ${this.at + 1} of the trace cannot happen: ${what}`);
    };
    const { tasks } = this.story;
    const draft = tasks[task] ?? wrong(`there is no task ${task}`);
    const obstacle = this.story.obstacle({ task, act });
    if (obstacle !== undefined) wrong(`task ${task}: ${obstacle}`);
    if (act.kind !== 'resume') {
      if (draft.place.kind !== 'on') wrong(`task ${task} has no CPU`);
      if (act.kind === 'signal' && !draft.signals.includes(act.signal))
        wrong(`signal ${act.signal} does not come to task ${task} any more`);
      return;
    }
    const { cpus } = this.trace.settings;
    if (draft.place.kind !== 'off' && draft.place.kind !== 'asleep')
      wrong(`task ${task} does not wait for a CPU`);
    if (act.cpu >= cpus || act.cid >= Math.max(cpus, tasks.length))
      wrong(`there is no CPU ${act.cpu}, or no mm_cid ${act.cid}`);
    if (tasks.some(({ place }) => place.kind === 'on' && place.cpu === act.cpu))
      wrong(`CPU ${act.cpu} is not free`);
  }

  private taskMoment(draft: Draft, index: number, world: World): TaskMoment {
    const { place, kernel } = draft;
    const { scenario } = world;
    const common = {
      name: scenario.tasks[index]!.name,
      signals: draft.signals.map((n) => nameOfSignal(scenario.signals[n]!)),
      results: draft.results.map((each) => word(BigInt.asUintN(64, each))),
    };
    if (place.kind === 'finished') return { ...common, state: 'finished', registers: [], own: [] };
    const ran = world.begun || kernel.rseq.ids.cpuId >>> 0 !== 0xffff_ffff;
    const cpu = place.kind === 'on' ? place.cpu : ran ? kernel.cpu : undefined;
    return {
      ...common,
      state: place.kind === 'on' ? 'running' : place.kind,
      ...(cpu !== undefined && { cpu }),
      at: this.instruction(ipOf(draft)),
      registers: this.registers(draft, index),
      ...this.section(draft),
      ...this.armed(draft, index),
      own: this.own(draft, index),
      ...this.waits(index),
    };
  }

  private instruction(ip: number): NonNullable<TaskMoment['at']> {
    const { names } = this.stage;
    const source = names.source(ip);
    return {
      ip: word(BigInt(ip)),
      place: names.place(ip),
      ...(source && { source }),
      text: names.instruction(ip).text,
    };
  }

  private waits(index: number): Pick<TaskMoment, 'waits'> {
    const waits = this.story
      .waitingOf(index)
      .map(({ name, before, after }) => ({ name, before, now: after }));
    return waits.length === 0 ? {} : { waits };
  }

  private registers(draft: Draft, index: number): TaskMoment['registers'] {
    const { windows, tasks } = this.stage.world;
    const registers = unpackRegisters(draft.registers, windows[index]!, tasks[index]!.registers);
    const { names, ip, flags } = this.stage.world.arch.convention;
    return [
      ...names.map((name, n) => [name, word(registers[general(n)]!)] as const),
      [ip, word(registers[RIP]!)],
      ['flags', word(flags({ registers }))],
    ];
  }

  private section(draft: Draft): Pick<TaskMoment, 'section'> {
    const ip = ipOf(draft);
    const range = this.stage.knowledge.sections.find((each) => isInside(each, ip));
    return range === undefined ? {} : { section: this.stage.names.place(range.start) };
  }

  private armed(draft: Draft, index: number): Pick<TaskMoment, 'armed'> {
    const { world, names } = this.stage;
    const pointer = armedWith(draft);
    if (pointer === 0n) return {};
    const range = rangeAt(world, pointer, () => true);
    const descriptor = word(fromLocal(pointer, world.windows[index]!));
    if (range === undefined) return { armed: { descriptor, inside: false } };
    const section = names.place(range.start);
    return { armed: { descriptor, section, inside: isInside(range, ipOf(draft)) } };
  }

  private own(draft: Draft, index: number): TaskMoment['own'] {
    const { world, names } = this.stage;
    const window = world.windows[index]!;
    const before = new Map(world.starts[index]!.words);
    const now = draft.memory;
    const area = areaOf(draft);
    return [...new Set([...before.keys(), ...now.words.keys()])]
      .sort((a, b) => a - b)
      .filter((at) => wordAt({ words: before }, at) !== wordAt(now, at))
      .map((at) => ({
        name: names.own(
          addressIn(window, at * WORD),
          area === undefined ? undefined : addressIn(window, area),
        ),
        before: word(fromLocal(before.get(at) ?? 0n, window)),
        now: word(fromLocal(wordAt(now, at), window)),
      }));
  }
}

function stageOf(trace: CounterexampleTrace, lines: SourceLines): Stage {
  const { path, settings, learned } = trace;
  const bytes = programOf(trace);
  const world = new World({ path, bytes, arguments: [], environment: [] }, settings);
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  const isMapped = (at: number): boolean =>
    world.main.mm.areas.some(({ start, end }) => start <= at && at + WORD <= end) ||
    (at >= FIRST_STANDING * WORD && at < (FIRST_STANDING + world.tasks.length) * WORD);
  const wild = learned.cells.find((cell) => !isMapped(cell * WORD));
  if (wild !== undefined) throw new TraceError(`there is no memory at ${hex(wild * WORD)}`);
  knowledge.adopt(learned);
  return { world, knowledge, names: new Names(world, readImage(bytes, path, { ownPages: true }), lines) };
}

/** What is thrown for a program that cannot be explored says something of the trace here. */
function trusted<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Anew) throw new TraceError('the program does what the trace knows nothing of');
    if (
      error instanceof Refusal ||
      error instanceof ProgramError ||
      error instanceof BinaryError ||
      error instanceof RecordingError ||
      error instanceof RangeError
    )
      throw new TraceError(error.message);
    throw error;
  }
}

/** What came again as something else. */
export interface Difference {
  readonly row: number;
  readonly text: string;
}

/** Tells all rows; undefined where each is as it was. */
export function differenceIn(trace: CounterexampleTrace, telling: Retelling): Difference | undefined {
  const { rows } = counterexampleOf(trace);
  for (const [row, was] of rows.entries()) {
    const text = rowDifference(was, telling.next()!);
    if (text !== undefined) return { row, text };
  }
  return undefined;
}

/** What is different between a row as it was and as it came again; undefined where nothing is. Source lines do not count: they may be elsewhere now. */
export function rowDifference(was: Row, is: Row): string | undefined {
  const fields = [...new Set([...Object.keys(was), ...Object.keys(is)])] as (keyof Row)[];
  const field = fields.find(
    (each) => each !== 'source' && JSON.stringify(was[each]) !== JSON.stringify(is[each]),
  );
  if (field === undefined) return undefined;
  return `${field} was ${JSON.stringify(was[field])}, and is ${JSON.stringify(is[field])}`;
}

const word = (value: bigint): Hex => hex(value) as Hex;
