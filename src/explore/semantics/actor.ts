import { SI } from '../../abi/signals.js';
import type { Event } from '../../event/event.js';
import { fault } from '../../kernel/fault.js';
import { leaveKernel } from '../../kernel/leave.js';
import { RIP, setTimeStamp } from '../../kernel/registers.js';
import { cameBy, fenced, switchedIn, switchedOut } from '../../kernel/rseq/events.js';
import { isInside } from '../../kernel/rseq/inside.js';
import { modeOf } from '../../kernel/rseq/mode.js';
import { SCENARIO_CALLS } from '../../kernel/scenario/calls.js';
import { TRACER } from '../../kernel/scenario/parts.js';
import { enterTracer, leaveTracer } from '../../kernel/scenario/tracer.js';
import { migrate } from '../../kernel/schedule.js';
import { makeSignal, sendSignal } from '../../kernel/signal/send.js';
import type { Task } from '../../kernel/state.js';
import { enterCall } from '../../kernel/syscalls/perform.js';
import { Access, type Accesses, type Look } from './access.js';
import type { Bad } from './bad.js';
import type { Cells } from './cells.js';
import type { RegisterBits } from './liveness.js';
import type { Draft, Place } from './local.js';
import { type PrivateMemories, stackEnd } from './private-memory.js';
import { ProgramCalls } from './program-calls.js';
import { Queues } from './queues.js';
import { Refusal } from './refusal.js';
import { unpackRegisters } from './registers.js';
import { STANDING } from './standing.js';
import { EMPTY } from './store-buffer.js';
import { putKernelPart } from './task-kernel.js';
import { refuseUnknown } from './unknown-instructions.js';
import { toLocal, type Window } from './values.js';
import type { World } from './world.js';

/** What a task may do next. Legend: execute one instruction; lose its CPU; be interrupted by membarrier(2); have the oldest store of its store buffer reach memory; get CPU `cpu` and number `cid`, `expired`: because the time is over that it sleeps for; get the scenario's signal of this index. */
export type Act =
  | { readonly kind: 'execute' | 'preempt' | 'fence' | 'flush' }
  | { readonly kind: 'resume'; readonly cpu: number; readonly cid: number; readonly expired?: true }
  | { readonly kind: 'signal'; readonly signal: number };

/** One transition of one task. */
export interface Outcome extends Accesses {
  /** An instruction that the kernel has not seen. */
  readonly plain: boolean;
  readonly next: Draft | undefined;
  readonly bad: Bad | undefined;
  /** CPUs whose tasks membarrier(2) interrupts, as bits. */
  readonly fence: number;
  /** It cannot come as long as what was looked at is as it is. */
  readonly waits?: boolean;
  /** It stopped in a system call. */
  readonly call: number | undefined;
  readonly events: readonly Event[];
  /** What it depends on of its memory and of cells, in this order. */
  readonly looks: readonly Look[];
}

/** What an act changes besides registers and memory. `plain`: an instruction that the kernel has not seen. */
interface Did {
  readonly plain?: boolean;
  readonly place?: Place;
  readonly result?: bigint;
  readonly signals?: readonly number[];
  readonly bad?: Bad;
  readonly fence?: number;
  readonly call?: number;
  readonly waits?: boolean;
}

class Killed extends Error {}

/** Does what tasks do, one transition at a time: instructions on the machine, all else by the simulated kernel itself. */
export class Actor {
  private events: Event[] = [];
  private task: Task | undefined;
  private readonly programs: ProgramCalls;
  /** Told of accesses to the task's window, in bytes from its beginning. */
  onOwn: ((offset: number, size: number, write: boolean) => void) | undefined;

  /** What the last run looked at; all of it, even where it was given up. */
  looks: readonly Look[] = [];

  constructor(
    readonly world: World,
    private readonly cells: Cells,
    private readonly memories: PrivateMemories,
    /** Registers that are dead at an instruction; undefined: none is taken for dead. */
    private readonly deadAt: ((ip: number) => RegisterBits) | undefined,
  ) {
    this.programs = new ProgramCalls(world);
  }

  /** `index`: as whose the task acts, where its window is. */
  run(local: Draft, index: number, act: Act, value: (cell: number) => bigint): Outcome {
    const { world } = this;
    const { kernel } = world;
    const task = world.tasks[index]!;
    const window = world.windows[index]!;
    this.events = [];
    this.task = task;
    world.onEvent = this.note;
    task.process.handlers = world.handlers.slice();
    task.registers.set(unpackRegisters(local.registers, window, task.registers));
    putKernelPart(task, local.kernel, window);
    kernel.state.clock = world.clock;
    this.programs.own = local.memory.words;
    const access = new Access(world, this.cells, window, local.memory, value, false, this.memories.stack);
    access.onOwn = this.onOwn;
    this.looks = access.looks;
    this.isolate(task, local.place, act);
    let did: Did = {};
    let done = false;
    try {
      did = this.act(task, index, local, act, access);
      done = true;
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      did = { bad: this.deathOf(task) };
      done = true;
    } finally {
      if (!done) access.drop();
    }
    const accesses = access.close();
    kernel.state.unknownCalls.clear();
    task.process.exiting = undefined;
    if (did.bad === undefined && did.plain !== true) this.refuse(task, window);
    const next = did.waits
      ? local
      : did.bad === undefined
        ? this.draft(task, window, local, accesses, did)
        : undefined;
    return {
      ...accesses,
      plain: did.plain === true,
      bad: did.bad,
      fence: did.fence ?? 0,
      call: did.call,
      next,
      events: this.events,
      looks: access.looks,
      ...(did.waits && { waits: true }),
    };
  }

  /** What a state has no room for. */
  private refuse(task: Task, window: Window): void {
    const { handlers } = task.process;
    if (handlers.some((handler, n) => handler !== this.world.handlers[n]))
      throw new Refusal(
        'a signal handler is taken away while tasks run (SA_RESETHAND, or a fault in a handler)',
      );
    const { pointer, slice } = task.rseq;
    if (pointer !== 0n && toLocal(pointer, window) === pointer)
      throw new Refusal(
        'a task registers a struct rseq that is not on its own stack: that cannot be explored',
      );
    if (slice.enabled)
      throw new Refusal('a task may ask for a longer time slice (rseq_slice_yield): that cannot be explored');
  }

  private draft(
    task: Task,
    window: Window,
    local: Draft,
    accesses: Accesses,
    { place = local.place, result, signals = local.signals, plain = false, call }: Did,
  ): Draft {
    if (place.kind === 'finished') return { ...this.finished(local, result), place };
    return {
      place,
      registers: this.world.registerFiles.pack(
        task.registers,
        window,
        this.deadAt?.(Number(task.registers[RIP]!)),
      ),
      memory: this.memories.change(
        local.memory,
        accesses.changes,
        stackEnd(toLocal(this.stackOf(task), window), this.world.arch),
      ),
      kernel: plain
        ? local.kernel
        : this.world.kernelParts.take(
            task,
            window,
            place.kind === 'on' && this.world.kernel.rules.noRestartFlags !== 'honoured',
          ),
      signals,
      results: result === undefined ? local.results : [...local.results, result],
      owner: local.owner,
      handlers: this.handlersOf(task, window, local, call),
      buffer: local.buffer,
    };
  }

  private handlersOf(
    task: Task,
    window: Window,
    { handlers }: Draft,
    call: number | undefined,
  ): readonly bigint[] {
    const begun = this.events.filter((event) => event.kind === 'signal' && event.action === 'handler');
    const { sigreturn } = this.world.calls;
    if (begun.length === 0 && call !== sigreturn) return handlers;
    const rsp = toLocal(this.stackOf(task), window);
    return [...(call === sigreturn ? handlers.slice(0, -1) : handlers), ...begun.map(() => rsp)];
  }

  private stackOf({ registers }: Task): bigint {
    return registers[this.world.arch.stackPointer]!;
  }

  /** The first three arguments of the function or call that a task is about to make. */
  private argumentsOf({ registers }: Task, words: readonly number[]): [bigint, bigint, bigint] {
    return [registers[words[0]!]!, registers[words[1]!]!, registers[words[2]!]!];
  }

  /** Of a task that has returned nothing is left but its results. */
  private finished(local: Draft, result: bigint | undefined): Draft {
    return {
      place: { kind: 'finished' },
      registers: this.world.registerFiles.none,
      memory: this.memories.empty,
      kernel: this.world.starts[0]!.kernel,
      signals: [],
      results: result === undefined ? local.results : [...local.results, result],
      owner: local.owner,
      handlers: [],
      buffer: EMPTY,
    };
  }

  private act(task: Task, index: number, local: Draft, act: Act, access: Access): Did {
    const { kernel } = this.world;
    switch (act.kind) {
      case 'execute':
        return this.execute(task, index, local, access);
      case 'preempt':
        cameBy(kernel, task, 'interrupt');
        switchedOut(kernel, task);
        return { place: { kind: 'off' } };
      case 'resume': {
        const cpu = kernel.state.cpus[act.cpu]!;
        if (local.place.kind === 'asleep' && !this.wakes(task, index, act, access)) return { waits: true };
        if (task.cpu !== act.cpu) migrate(kernel, task, cpu);
        cpu.current = task;
        switchedIn(kernel, task);
        this.leave(task);
        return { place: { kind: 'on', cpu: act.cpu, cid: act.cid } };
      }
      case 'signal': {
        cameBy(kernel, task, 'interrupt');
        kernel.arch.entered(task);
        const { signal: number, handler } = this.world.scenario.signals[act.signal]!;
        const sent = local.signals.indexOf(act.signal);
        const signals = local.signals.filter((_, index) => index !== sent);
        if (number === TRACER) {
          enterTracer(kernel, task, handler);
          return { signals, place: { kind: 'off' } };
        }
        sendSignal(kernel, task, makeSignal(number, { code: SI.TKILL, pid: task.process.pid }));
        this.leave(task);
        return { signals };
      }
      case 'flush':
        throw new Error('a store buffer is nothing of the machine');
      default:
        cameBy(kernel, task, 'interrupt');
        fenced(kernel, task);
        this.leave(task);
        return {};
    }
  }

  /** Whether a task that sleeps can go on: somebody has woken it, or its time is over. */
  private wakes(task: Task, index: number, act: Extract<Act, { kind: 'resume' }>, access: Access): boolean {
    const expired = act.expired === true;
    if (expired === (access.standing(index) === STANDING.awake)) return false;
    const wait = task.wait!;
    if (expired) {
      const queues = new Queues(this.world, access, index, true);
      queues.leave();
      queues.settle();
      const { state } = this.world.kernel;
      state.clock = Math.max(state.clock, wait.deadline!);
    }
    task.wait = { ...wait, ended: expired ? 'timeout' : 'woken' };
    return true;
  }

  private execute(task: Task, index: number, local: Draft, access: Access): Did {
    const { kernel } = this.world;
    const { registers } = task;
    if (registers[RIP] === this.world.asserts) return this.asserted(task);
    setTimeStamp(registers, 0, task.cpu);
    access.blind = true;
    const { stop } = kernel.spaces.of(task.mm.id).run(registers, 1, true);
    access.blind = false;
    if (stop.reason === 'budget') return { plain: true };
    access.undo();
    kernel.arch.entered(task);
    if (stop.reason === 'trap' && stop.trap === 'system-call') return this.call(task, index, local, access);
    refuseUnknown(this.world.arch, this.world.machine, task, stop);
    task.call = -1n;
    cameBy(kernel, task, 'interrupt');
    fault(kernel, task, stop);
    this.leave(task);
    return {};
  }

  /** assert(3) does not hold: __assert_fail(claim, file, line, function) is called. */
  private asserted(task: Task): Did {
    const { kernel, machine } = this.world;
    machine.watcher = undefined;
    const text = (at: bigint): string => kernel.memory(task.mm).text(at);
    const [claim, file, line] = this.argumentsOf(task, this.world.arch.convention.functionArguments);
    const where = `${text(file)}:${Number(line & 0xffff_ffffn)}`;
    return { bad: { kind: 'assert', text: `${where}: ${text(claim)} does not hold` } };
  }

  private call(task: Task, index: number, local: Draft, access: Access): Did {
    const { arch, calls, kernel, machine, linked } = this.world;
    const { registers } = task;
    const number = calls.numberOf(task);
    if (linked) {
      cameBy(kernel, task, 'call');
      const did = this.programs.call(number, task, index, access);
      if (typeof did === 'string') throw this.refusal(index, number, did);
      if (did !== undefined) {
        if (did.place === undefined && did.bad === undefined) this.leave(task);
        return { ...did, call: number };
      }
    }
    if (number === SCENARIO_CALLS.done) return { place: { kind: 'finished' }, call: number };
    if (number === SCENARIO_CALLS.fail) {
      const text = (at: bigint): string => kernel.memory(task.mm).text(at);
      machine.watcher = undefined;
      const [claim, file, line] = this.argumentsOf(task, arch.arguments);
      return {
        bad: {
          kind: 'assert',
          text: `${text(file)}:${Number(line & 0xffff_ffffn)}: ${text(claim)} does not hold`,
        },
        call: number,
      };
    }
    if (number === SCENARIO_CALLS.released && task.traced !== undefined) {
      const { cpu, mmCid } = task.traced;
      leaveTracer(kernel, task);
      Object.assign(task, { cpu, mmCid });
      return { place: { kind: 'off' }, call: number };
    }
    const refused = calls.refused(number, task);
    if (refused !== undefined) throw this.refusal(index, number, refused);
    const fence = calls.fence(number, registers);
    cameBy(kernel, task, 'call');
    const { results } = kernel.state.scenario!;
    results.length = 0;
    enterCall(kernel, task);
    this.leave(task);
    // Since 6.19 what happens while it is in the call does not abort the section: a switch, a signal, membarrier(2). Where nothing ever aborts one that is nothing special.
    if (kernel.rules.aborts && modeOf(kernel, task.rseq).conditional && isInside(kernel, task))
      throw new Refusal(
        `a task calls ${kernel.syscallName(number)}(2) inside a section, which Linux ${kernel.options.version} does not abort then: that cannot be explored`,
      );
    const result = results[0]?.value;
    const done = registers[arch.result] === 0n ? fence : 0;
    return {
      call: number,
      fence: done & ~(1 << (local.place.kind === 'on' ? local.place.cpu : 31)),
      ...(result !== undefined && { result }),
    };
  }

  private refusal(index: number, number: number, why: string): Refusal {
    const { begun, kernel, scenario } = this.world;
    const who = begun ? `thread ${scenario.tasks[index]!.name}` : 'a task';
    return new Refusal(
      `${who} calls ${kernel.syscallName(number)}(2)${why}; ${begun ? 'start behind that' : 'rseqlab run can run it'}`,
    );
  }

  /** On the way to the program, all that the kernel does there. */
  private leave(task: Task): void {
    if (!leaveKernel(this.world.kernel, task))
      throw new Refusal(
        'a task waits in a system call, which exploration does not have: look at it with rseqlab run',
      );
    task.call = -1n;
    task.trap = { number: 0, error: 0, address: 0n };
  }

  /** The task is the only one of the kernel's while it acts; what others hold of numbers is made up, so that it gets the one that it is to have. */
  private isolate(task: Task, place: Place, act: Act): void {
    const { state } = this.world.kernel;
    state.tasks.clear();
    state.tasks.set(task.tid, task);
    for (const cpu of state.cpus) {
      cpu.current = undefined;
      cpu.queue = [];
      cpu.reschedule = false;
      cpu.visitor = undefined;
    }
    if (place.kind === 'on') state.cpus[place.cpu]!.current = task;
    if (act.kind !== 'resume') return;
    const taken = new Set(Array.from({ length: act.cid }, (_, cid) => cid));
    if (task.mmCid >= 0 && task.mmCid !== act.cid) taken.add(task.mmCid);
    const others = state.cpus.filter(({ id }) => id !== act.cpu);
    for (const cid of taken) {
      const cpu = others.pop();
      if (cpu !== undefined) cpu.current = { mm: task.mm, mmCid: cid } as Task;
    }
  }

  private readonly note = (event: Event): void => {
    this.events.push(event);
    if (event.kind === 'signal' && event.action === 'default') throw new Killed();
    // Behind an abort the kernel may go on and put the registers into a handler's frame: those that nobody will read are no part of it.
    if (event.kind === 'abort' && this.deadAt !== undefined)
      this.world.registerFiles.bury(this.task!.registers, this.deadAt(Number(event.abortIp)));
  };

  private deathOf(task: Task): Bad {
    const violation = this.events.find((event) => event.kind === 'violation');
    if (violation?.kind === 'violation')
      return { kind: 'rseq', text: `the kernel kills the task: ${violation.message}` };
    const signal = this.events.find((event) => event.kind === 'signal' && event.action === 'default');
    const how =
      signal?.kind === 'signal'
        ? `${signal.signal}${signal.address === 0n ? '' : ` at address 0x${signal.address.toString(16)}`}`
        : 'killed';
    return { kind: 'crash', text: `${how}, by the instruction at 0x${task.registers[RIP]!.toString(16)}` };
  }
}
