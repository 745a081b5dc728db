import { hex } from '../../abi/address.js';
import { PTRACE } from '../../abi/ptrace-requests.js';
import { RSEQ } from '../../abi/rseq.js';
import type { Event } from '../../event/event.js';
import { general } from '../../kernel/registers.js';
import { nameOfSignal, TRACER } from '../../kernel/scenario/parts.js';
import { vectorOffset } from '../../machine/state.js';
import type { Change, Hex, Row } from '../timeline.js';
import { type Act, Actor, type Outcome } from './actor.js';
import type { Bad } from './bad.js';
import { areaOf, ipOf } from './bounds.js';
import { rangeOf } from './coverage.js';
import type { Knowledge } from './knowledge.js';
import type { AbortRange } from './liveness.js';
import { type Draft, keyOf } from './local.js';
import type { Names } from './names.js';
import type { PrivateMemories } from './private-memory.js';
import { Refusal } from './refusal.js';
import { unpackRegisters } from './registers.js';
import { FIRST_STANDING, STANDING } from './standing.js';
import { startDraft } from './start-draft.js';
import { EMPTY, forwarded, type StoreBuffer, type StoreBuffers, stored } from './store-buffer.js';
import { Acts } from './store-order.js';
import { addressIn, fromLocal } from './values.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** Something that happens to one task. */
export interface TaskAct {
  readonly task: number;
  readonly act: Act;
}

/** What came of it. */
export interface Told {
  readonly row: Row;
  readonly bad: Bad | undefined;
  /** CPUs whose tasks membarrier(2) has interrupted, as bits. */
  readonly fence: number;
}

/** Runs a scenario as it is told to, one act after the other, without any reduction: every task for itself, all registers. */
export class Story {
  readonly tasks: Draft[];
  readonly memory: bigint[];
  private readonly acts: Acts;
  /** The instructions whose stores wait in a task's store buffer. */
  private readonly origins = new WeakMap<Draft, readonly number[]>();

  constructor(
    private readonly world: World,
    private readonly knowledge: Knowledge,
    memories: PrivateMemories,
    buffers: StoreBuffers,
    private readonly names: Names,
  ) {
    const { cells } = knowledge;
    this.acts = new Acts(new Actor(world, cells, memories, undefined), buffers);
    this.memory = cells.words.map((_, cell) => cells.initial(cell));
    this.tasks = world.starts.map((_, index) => startDraft(world, cells, memories, index, index));
  }

  tell({ task, act }: TaskAct): Told {
    const before = this.tasks[task]!;
    const outcome = this.acts.run(before, task, act, (cell) => this.memory[cell]!);
    if (outcome.waits) throw new Refusal('a task that sleeps is not woken there');
    const waiting = this.origins.get(before) ?? [];
    const ip = act.kind === 'flush' ? waiting[0]! : ipOf(before);
    const row = this.row(task, act, ip, before, outcome);
    const { next } = outcome;
    if (next !== undefined) {
      const put = next.buffer.entries.length - before.buffer.entries.length;
      const fresh = Array.from({ length: Math.max(0, put) }, () => ip);
      this.origins.set(next, act.kind === 'flush' ? waiting.slice(1) : [...waiting, ...fresh]);
      this.tasks[task] = next;
    }
    for (const [cell, value] of outcome.stores) this.memory[cell] = value;
    return { row, bad: outcome.bad, fence: outcome.fence };
  }

  /** Why an act cannot come now, as far as store buffers have a say; undefined where it can. */
  obstacle({ task, act }: TaskAct): string | undefined {
    return this.acts.obstacle(this.tasks[task]!, act);
  }

  /** Stores in a task's store buffer. */
  waitingOf(task: number): Change[] {
    return this.waits(EMPTY, this.tasks[task]!.buffer);
  }

  /** A cell as a task sees it. */
  private seen(buffer: StoreBuffer, cell: number): bigint {
    return forwarded(buffer, cell, this.memory[cell]!);
  }

  /** All that decides what can happen next, as text. */
  get key(): string {
    return `${this.tasks.map(keyOf).join(' ')} ${this.memory}`;
  }

  /** Whether a cell is memory, and says nothing of how a task stands. */
  readonly isMemory = (cell: number): boolean => this.knowledge.cells.words[cell]! < FIRST_STANDING;

  /** Name of a cell. */
  cellName(cell: number): string {
    const at = this.knowledge.cells.words[cell]! * WORD;
    return this.names.data(at) ?? hex(at);
  }

  /** `ip`: of a flush, the instruction whose store it is. */
  private row(task: number, act: Act, ip: number, before: Draft, outcome: Outcome): Row {
    const { next, events } = outcome;
    const cpu = before.place.kind === 'on' ? before.place.cpu : act.kind === 'resume' ? act.cpu : undefined;
    const source = this.names.source(ip);
    const abort = events.find((event) => event.kind === 'abort');
    const section = this.sectionAt(ip);
    const kernel = this.kernelWords(act, before, outcome);
    const reads = (act.kind === 'flush' ? [] : outcome.reads.filter(this.isMemory)).map((cell) => ({
      name: this.cellName(cell),
      value: word(this.seen(before.buffer, cell)),
    }));
    const last = this.lastCpu(before);
    return {
      kind: act.kind === 'execute' && next?.place.kind === 'finished' ? 'end' : act.kind,
      task,
      ...(cpu !== undefined && { cpu }),
      ip: word(BigInt(ip)),
      place: this.names.place(ip),
      ...(source && { source }),
      ...(act.kind === 'execute' && { text: this.names.instruction(ip).text }),
      ...(reads.length > 0 && { reads }),
      changes: next === undefined ? [] : this.changes(task, before, next, outcome, act.kind === 'signal'),
      ...(kernel !== '' && { kernel }),
      ...(act.kind === 'resume' &&
        last !== undefined &&
        before.kernel.traced === undefined &&
        last !== act.cpu && { migrate: { from: last, to: act.cpu } }),
      ...(abort?.kind === 'abort' && {
        abort: {
          section: this.sectionName(rangeOf(abort)),
          from: this.names.place(Number(abort.ip)),
          to: this.names.place(Number(abort.abortIp)),
        },
      }),
      ...(act.kind === 'signal' && { signal: nameOfSignal(this.world.scenario.signals[act.signal]!) }),
      ...(section !== undefined && { section }),
    };
  }

  /** Where the task ran last; undefined where it has not run yet. */
  private lastCpu({ kernel }: Draft): number | undefined {
    if (this.world.begun) return kernel.cpu;
    return (kernel.traced ?? kernel).rseq.ids.cpuId >>> 0 === 0xffff_ffff ? undefined : kernel.cpu;
  }

  private kernelWords(act: Act, before: Draft, outcome: Outcome): string {
    const { events, bad, next } = outcome;
    const words: string[] = [];
    const last = this.lastCpu(before);
    if (act.kind === 'preempt') words.push('preempt');
    else if (act.kind === 'resume' && before.kernel.traced !== undefined)
      words.push(`its tracer runs on cpu ${act.cpu}`);
    else if (act.kind === 'resume')
      words.push(
        last === undefined
          ? `begins on cpu ${act.cpu}`
          : `resume on cpu ${act.cpu}${last === act.cpu ? '' : ` (migrate ${last} to ${act.cpu})`}`,
      );
    else if (act.kind === 'fence') words.push('interrupted by membarrier');
    else if (act.kind === 'flush') words.push('a store leaves the store buffer');
    else if (act.kind === 'signal') words.push(this.signalWords(this.world.scenario.signals[act.signal]!));
    for (const event of events) words.push(...this.eventWords(event));
    if (before.kernel.traced !== undefined && next !== undefined && next.kernel.traced === undefined)
      words.push('the tracer lets it go on');
    words.push(...this.standingWords(act, before, outcome));
    if (bad !== undefined && bad.kind !== 'assert') words.push(bad.text);
    return words.join('; ');
  }

  private signalWords(signal: { readonly signal: number }): string {
    return signal.signal === TRACER
      ? 'stopped by its tracer, which begins'
      : `${nameOfSignal(signal)}: handler`;
  }

  private standingWords(act: Act, { place }: Draft, { stores, next }: Outcome): string[] {
    const words: string[] = [];
    if (place.kind === 'asleep')
      words.push(act.kind === 'resume' && act.expired ? 'its time is over' : 'it was woken');
    if (next?.place.kind === 'asleep') words.push('sleeps');
    for (const [cell, value] of stores) {
      const task = this.knowledge.cells.words[cell]! - FIRST_STANDING;
      if (task >= 0 && value === STANDING.awake && act.kind === 'execute')
        words.push(`wakes ${this.world.scenario.tasks[task]!.name}`);
    }
    return words;
  }

  private eventWords(event: Event): string[] {
    if (event.kind === 'abort')
      return [`abort at ${this.names.place(Number(event.ip))} -> ${this.names.place(Number(event.abortIp))}`];
    if (event.kind === 'clear') return ['rseq_cs cleared: the task is outside of the section'];
    if (event.kind === 'syscall' && !event.name.startsWith('syscall_')) return [callWords(event)];
    return [];
  }

  sectionName({ start }: AbortRange): string {
    return this.names.place(start);
  }

  /** The section that the instruction belongs to, armed or not. */
  private sectionAt(ip: number): string | undefined {
    const range = this.knowledge.sections.find(({ start, end }) => start <= ip && ip < end);
    return range && this.sectionName(range);
  }

  /** Stores that the task has put into its store buffer, each with what the task saw there before. */
  private waits(before: StoreBuffer, after: StoreBuffer): Change[] {
    const changes: Change[] = [];
    const seen = new Map<number, bigint>();
    for (const entry of after.entries.slice(before.entries.length))
      for (const piece of entry) {
        const { cell } = piece;
        const was = seen.get(cell) ?? this.seen(before, cell);
        const is = stored(piece, was);
        seen.set(cell, is);
        changes.push({ kind: 'buffer', name: this.cellName(cell), before: word(was), after: word(is) });
      }
    return changes;
  }

  /** `framed`: the kernel wrote a signal's frame, a hundred words that say nothing new. */
  private changes(
    task: number,
    before: Draft,
    after: Draft,
    { stores, changes }: Outcome,
    framed: boolean,
  ): Change[] {
    const window = this.world.windows[task]!;
    const own = this.world.tasks[task]!.registers;
    const [from, to] = [before, after].map(({ registers }) => unpackRegisters(registers, window, own)) as [
      BigUint64Array,
      BigUint64Array,
    ];
    const found: Change[] = [];
    const note = (kind: Change['kind'], name: string, a: bigint, b: bigint): void => {
      if (a !== b) found.push({ kind, name, before: word(a), after: word(b) });
    };
    for (const [cell, value] of stores.filter(([each]) => this.isMemory(each)))
      found.push({
        kind: 'memory',
        name: this.cellName(cell),
        before: word(this.memory[cell]!),
        after: word(value),
      });
    found.push(...this.waits(before.buffer, after.buffer));
    const area = areaOf(before);
    for (const [index, value] of changes.filter(([index]) => !framed || isInArea(index * WORD, area)))
      note(
        'private',
        this.names.own(
          addressIn(window, index * WORD),
          area === undefined ? undefined : addressIn(window, area),
        ),
        fromLocal(before.memory.words.get(index) ?? 0n, window),
        fromLocal(value, window),
      );
    if (after.place.kind === 'finished') return found;
    const { names, vectors, flags } = this.world.arch.convention;
    for (const [n, name] of names.entries()) note('register', name, from[general(n)]!, to[general(n)]!);
    note('register', 'flags', flags({ registers: from }), flags({ registers: to }));
    for (const [n, name] of vectors.entries()) {
      const at = vectorOffset(n) / 8;
      if (from[at] !== to[at] || from[at + 1] !== to[at + 1]) note('register', name, from[at]!, to[at]!);
    }
    return found;
  }
}

/** `getpid(2)`; of ptrace(2) with the request: `ptrace(PTRACE_GETREGSET)`. */
function callWords({ name, arguments: [first] }: Extract<Event, { kind: 'syscall' }>): string {
  const request = name === 'ptrace' ? REQUEST_NAMES.get(Number(first)) : undefined;
  return request === undefined ? `${name}(2)` : `ptrace(PTRACE_${request})`;
}

const REQUEST_NAMES = new Map(Object.entries(PTRACE).map(([name, number]) => [number as number, name]));

const isInArea = (offset: number, area: number | undefined): boolean =>
  area !== undefined && offset >= area && offset < area + RSEQ.size;

const word = (value: bigint): Hex => hex(value) as Hex;
