/** What a keeper does for `rseqlab step`: a thread that comes to a section is led through it by single steps. */
import { type Addr, hex } from '../../abi/address.js';
import { offsetOf } from '../../abi/layout.js';
import { RSEQ, RSEQ_CS } from '../../abi/rseq.js';
import { signalName } from '../../abi/signals.js';
import { demangle } from '../../binary/demangle/index.js';
import { writeMemory } from '../../linux/memory.js';
import * as ptrace from '../../linux/ptrace.js';
import type { Step, Walk } from '../../report/step-document.js';
import type { Channel } from '../keeper/channel.js';
import { Keeper } from '../keeper/keeper.js';
import { ModulesWatch } from '../keeper/modules-watch.js';
import { attachOrRefuse, startOrRefuse } from '../keeper/refusal.js';
import type { Space } from '../keeper/space.js';
import type { TracedProcess, TracedThread } from '../keeper/traced.js';
import type { LiveSection } from '../modules.js';
import { placeOf } from '../place-of.js';

export interface StepConfig {
  readonly command?: readonly string[];
  readonly pid?: number;
  /** A part of the function's name, or its start_ip in the file; undefined: any section. */
  readonly section?: string;
  readonly tid?: number;
  readonly count: number;
}

export type StepMessage =
  | { readonly kind: 'walk'; readonly walk: Walk }
  /** How many sections were waited for. */
  | { readonly kind: 'sections'; readonly count: number };

const RSEQ_CS_AT = BigInt(offsetOf(RSEQ, 'rseq_cs'));
/** Milliseconds. */
const TICK = 20;
const NOTHING = new Uint8Array(8);
/** Registers that are printed where they change: user_regs_struct's names, to those of the manuals. */
const SHOWN: readonly (readonly [string, string])[] = [
  ...['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'].map((name) => [name, name] as const), // biome-ignore format: a list
  ['rflags', 'flags'],
];
/** The resume flag is the processor's, the trap flag ours (Intel SDM volume 1, 3.4.3). */
const FLAGS = ~0x1_0100n;
/** A section of more steps is left where it is. */
const MOST_STEPS = 100_000;

interface Walking {
  readonly live: LiveSection;
  readonly descriptor: bigint;
  readonly area: bigint;
  readonly steps: Step[];
  readonly signals: number[];
  before: ptrace.UserRegisters;
}

export function stepJob(channel: Channel, given: unknown): void {
  new StepJob(channel, given as StepConfig).run();
}

class StepJob {
  private readonly keeper: Keeper;
  private readonly watch: ModulesWatch;
  private readonly starts = new Map<Space, Map<number, LiveSection>>();
  private readonly walking = new Map<TracedThread, Walking>();
  private readonly awaited: { space: Space; at: number }[] = [];
  /** Sections that were there, by file and address. */
  private readonly wanted = new Set<string>();
  private left: number;

  constructor(
    channel: Channel,
    private readonly config: StepConfig,
  ) {
    this.left = config.count;
    this.keeper = new Keeper(channel, this, TICK);
    this.watch = new ModulesWatch((space, modules) => {
      const starts = new Map(modules.sections.filter((live) => this.isWanted(live)).map((live) => [Number(live.start), live])); // biome-ignore format: one step
      this.starts.set(space, starts);
      for (const [at, { module, section }] of starts) {
        this.wanted.add(`${module.name} ${section.start}`);
        space.plant(at);
      }
    });
  }

  run(): void {
    const { command, pid } = this.config;
    if (command !== undefined) startOrRefuse(this.keeper, command);
    else this.onProcess(attachOrRefuse(this.keeper, pid!));
    this.keeper.run();
    for (const [thread, walking] of this.walking) this.report(thread, walking);
    this.keeper.send({ kind: 'sections', count: this.wanted.size } satisfies StepMessage);
  }

  onProcess(process: TracedProcess, thread?: TracedThread, how?: string): void {
    if (how === 'exec') this.watch.execed(process);
    for (const each of thread === undefined ? process.threads.values() : [thread]) this.watch.addThread(each);
    if (how === 'fork' && !this.watch.knows(process.space)) process.space.removeAll();
    this.watch.add(process);
  }

  onThread(thread: TracedThread): void {
    this.watch.addThread(thread);
  }

  onGiveUp(thread: TracedThread): void {
    this.watch.endThread(thread);
  }

  onBreakpoint(thread: TracedThread, { at }: { at: number }): void {
    if (this.watch.hit(thread, at)) return;
    const { space } = thread.process;
    const live = this.starts.get(space)?.get(at);
    space.remove(at, true);
    if (live !== undefined && this.left > 0 && (this.config.tid ?? thread.tid) === thread.tid)
      this.enter(thread, live);
    else if (live !== undefined && this.left > 0) this.awaited.push({ space, at });
  }

  /** A thread that is not meant was aborted by its stop: the breakpoint comes back at the next tick, or it would come to nothing else. */
  onTick(): void {
    for (const { space, at } of this.awaited.splice(0)) space.plant(at);
  }

  onStep(thread: TracedThread): void {
    const walking = this.walking.get(thread);
    if (walking === undefined) return;
    this.stepped(thread, walking);
  }

  /** A handler would run in the middle of the walk. */
  onSignal(thread: TracedThread, signal: number): number {
    const walking = this.walking.get(thread);
    const isOurs = this.watch.signalled(thread, signal) !== undefined;
    if (walking === undefined) return isOurs ? 0 : signal;
    if (!isOurs) {
      // Its own fault is delivered: it would come again and again.
      if (ptrace.signalInfo(thread.tid).getInt32(8, true) > 0) return signal;
      walking.signals.push(signal);
    }
    this.keeper.tracer.step(thread);
    return 0;
  }

  onMemoryGone(space: Space): void {
    this.watch.forget(space);
    this.starts.delete(space);
  }

  onThreadExit(thread: TracedThread): void {
    this.watch.endThread(thread);
    const walking = this.walking.get(thread);
    this.walking.delete(thread);
    if (walking !== undefined) this.report(thread, walking);
  }

  private isWanted({ section, start, module }: LiveSection): boolean {
    const { section: wanted } = this.config;
    if (wanted === undefined) return true;
    return section.function?.includes(wanted) === true || hex(start - module.bias) === wanted;
  }

  private enter(thread: TracedThread, live: LiveSection): void {
    const area = ptrace.rseqConfiguration(thread.tid)?.address;
    const descriptor = area === undefined ? 0n : (thread.process.space.word(Number(area + RSEQ_CS_AT)) ?? 0n);
    // Not armed: it is no walk through a section.
    if (area === undefined || descriptor === 0n) return;
    const walking: Walking = {
      live,
      descriptor,
      area,
      steps: [],
      signals: [],
      before: ptrace.getRegisters(thread.tid),
    };
    this.walking.set(thread, walking);
    this.left--;
    this.disarm(thread, walking);
    thread.held = true;
    this.keeper.tracer.step(thread);
  }

  private disarm(thread: TracedThread, { area, live }: Walking): void {
    const at = thread.process.space.word(Number(area + RSEQ_CS_AT)) ?? 0n;
    if (at === 0n) return;
    const bytes = thread.process.space.read(Number(at), RSEQ_CS.size);
    if (bytes === undefined || at === live.descriptor || RSEQ_CS.read(bytes).start_ip === live.start)
      writeMemory(thread.process.pid, area + RSEQ_CS_AT, NOTHING);
  }

  private stepped(thread: TracedThread, walking: Walking): void {
    const { live } = walking;
    const after = ptrace.getRegisters(thread.tid);
    const from = walking.before.get('rip');
    const ip = after.get('rip');
    walking.steps.push(stepOf(live, from, walking.before, after));
    walking.before = after;
    const inside = ip >= live.start && ip < live.end;
    if (inside && walking.steps.length < MOST_STEPS) {
      this.disarm(thread, walking);
      this.keeper.tracer.step(thread);
      return;
    }
    this.walking.delete(thread);
    this.report(thread, walking, ip);
    const [first = 0, ...others] = walking.signals;
    for (const signal of others) ptrace.signalThread(thread.process.pid, thread.tid, signal);
    if (this.left > 0) thread.process.space.plant(Number(live.start));
    thread.held = true;
    this.keeper.tracer.resume(thread, first);
    if (this.left === 0 && this.walking.size === 0) this.keeper.stop();
  }

  private report(thread: TracedThread, { live, descriptor, steps, signals }: Walking, out?: bigint): void {
    const { module, section } = live;
    const inFile = (at: bigint): Addr => Number(at - module.bias) as Addr;
    const image = module.file.image!;
    const walk: Walk = {
      tid: thread.tid,
      file: module.name,
      ...(section.function !== undefined && { function: demangle(section.function) }),
      startIp: hex(section.start!),
      endIp: hex(section.end!),
      rseqCs: hex(descriptor),
      steps,
      ...(out !== undefined && {
        left: {
          ip: hex(inFile(out)),
          place: placeOf(image, inFile(out)),
          how: out === live.end ? 'commit' : 'exit',
        },
      }),
      signals: signals.map(signalName),
    };
    this.keeper.send({ kind: 'walk', walk } satisfies StepMessage);
  }
}

function stepOf(
  live: LiveSection,
  from: bigint,
  before: ptrace.UserRegisters,
  after: ptrace.UserRegisters,
): Step {
  const at = Number(from - live.module.bias) as Addr;
  const { image, findings } = live.module.file;
  const line = image?.lineAt(at);
  const value = (registers: ptrace.UserRegisters, name: string): bigint =>
    name === 'rflags' ? registers.get(name) & FLAGS : registers.get(name);
  return {
    ip: hex(at),
    place: image === undefined ? hex(at) : placeOf(image, at),
    text: findings?.code?.at(at)?.text ?? '?',
    ...(line !== undefined && { source: { file: line.file, line: line.line } }),
    changes: SHOWN.filter(([name]) => value(before, name) !== value(after, name)).map(([name, register]) => ({
      register,
      before: hex(value(before, name)),
      after: hex(value(after, name)),
    })),
  };
}
