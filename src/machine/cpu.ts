import type { Trap } from '../isa/meaning.js';
import { CodeChanged } from './address-space.js';
import { type Dispatcher, makeDispatcher, RESULT } from './dispatcher.js';
import { FloatTrap } from './float/calls.js';
import { TRAPS } from './imports.js';
import { Interpreter } from './interpreter.js';
import type { Machine } from './machine.js';
import { PageFault } from './page-fault.js';
import { Translations } from './translations.js';

/** Why a run ended: its budget, a trap, an access that is not allowed, or bytes that are no known instruction. */
export type Stop =
  | { readonly reason: 'budget' }
  | { readonly reason: 'trap'; readonly trap: Trap }
  | { readonly reason: 'fault'; readonly fault: PageFault }
  | { readonly reason: 'unknown'; readonly bytes: Uint8Array };

const BUDGET: Stop = { reason: 'budget' };
const TRAP_STOPS: readonly Stop[] = TRAPS.map((trap) => ({ reason: 'trap', trap }));

const MISALIGNED: Stop = { reason: 'trap', trap: 'alignment' };

/** The dispatcher can go on. */
const AGAIN = -1;

/**
 * Translated code comes back to JavaScript after so many instructions: V8 replaces a function by its optimised version when it is called
 * anew, and not while it runs.
 */
const SLICE = 1 << 17;

/** Runs code on a machine: regions, or single instructions where a region cannot be. Both do the same. */
export class Cpu {
  private readonly translations: Translations;
  private readonly dispatcher: Dispatcher;
  private readonly interpreter: Interpreter;
  /** How often instructions were interpreted. */
  private readonly visits = new Map<number, number>();

  /**
   * @param hot how often a place is entered before it is worth a region.
   * @param cold how often an instruction is interpreted before it is worth being translated.
   */
  constructor(
    private readonly machine: Machine,
    hot = 250,
    private readonly cold = 20,
  ) {
    this.interpreter = new Interpreter(machine);
    this.translations = new Translations(machine);
    this.dispatcher = makeDispatcher(machine.memory, this.translations.table, hot);
  }

  /**
   * Runs at most `budget` instructions (machine.budget says how many were left), from machine.rip. With `exact` they are run as single
   * instructions, each of which leaves all of the state in memory; what comes out is the same.
   */
  run(budget: number, exact = false): Stop {
    const { machine } = this;
    let later = Math.max(0, budget - SLICE);
    machine.setBudget(budget - later, exact);
    if (later > 0) machine.delayTime(later);
    // What is left where a region would go too far is done one by one.
    let stepping = exact;
    for (;;) {
      const result = this.enter(stepping);
      if (typeof result !== 'number') return this.stop(result, later);
      if (result === AGAIN) continue;
      if (result === 0 || result === RESULT.TAIL) {
        if (later > 0) {
          const more = Math.min(later, SLICE);
          later -= more;
          machine.addBudget(more);
          machine.delayTime(-more);
        } else if (result === 0) return BUDGET;
        else stepping = true;
      } else if (result >= RESULT.MISS) {
        const stop = this.translate(result);
        if (stop !== undefined) return this.stop(stop, later);
      } else return this.stop(TRAP_STOPS[result - 1]!, later);
    }
  }

  /** Runs one instruction (of a repeated one, one round); undefined where it is done. */
  step(): Stop | undefined {
    const stop = this.run(1, true);
    return stop.reason === 'budget' ? undefined : stop;
  }

  private stop(stop: Stop, later: number): Stop {
    if (later > 0) {
      this.machine.addBudget(later);
      this.machine.delayTime(-later);
    }
    return stop;
  }

  private enter(stepping: boolean): number | Stop {
    this.machine.running = true;
    try {
      return stepping ? this.dispatcher.exact() : this.dispatcher.fast();
    } catch (error) {
      this.machine.running = false;
      if (error instanceof CodeChanged) return this.changeCode();
      return thrownStop(error);
    } finally {
      this.machine.running = false;
    }
  }

  /** The instruction at rip writes to code that was translated: it is run by itself, and all else is translated anew. */
  private changeCode(): number | Stop {
    const { machine } = this;
    const code = this.translations.single(machine.place);
    if (code === undefined) return RESULT.MISS;
    machine.stepFrom(0);
    try {
      return code() || AGAIN;
    } catch (error) {
      return thrownStop(error);
    }
  }

  /** Finds code for where the machine stands, or does what is there without; what stops it where there is none. */
  private translate(result: number): Stop | undefined {
    const { machine, translations } = this;
    if (result === RESULT.HOT) {
      translations.improve(machine.place);
      return undefined;
    }
    if (result === RESULT.MISS) {
      const stop = this.interpret();
      if (stop !== undefined || !machine.hasBudget) return stop;
    }
    if (translations.find(machine.place)) return undefined;
    const { rip } = machine;
    // Before memory is asked for an instruction (Arm ARM D1.3.5, PC alignment checking).
    if (machine.architecture === 'aarch64' && (rip & 3n) !== 0n) return MISALIGNED;
    const fault = machine.executeFault(rip);
    if (fault !== undefined) return { reason: 'fault', fault };
    return { reason: 'unknown', bytes: machine.fetch(rip) };
  }

  /** Runs code that has seldom been run, as far as there is some. */
  private interpret(): Stop | undefined {
    const { machine, interpreter, visits, translations } = this;
    try {
      while (machine.hasBudget) {
        const at = machine.place;
        const before = visits.get(at) ?? 0;
        if (before >= this.cold || translations.knows(at)) return undefined;
        visits.set(at, before + 1);
        const meaning = translations.meaningAt(at);
        if (meaning === undefined) return undefined;
        const out = interpreter.run(BigInt(at), meaning);
        if (out === 'unsupported') {
          visits.set(at, this.cold);
          return undefined;
        }
        machine.addBudget(-1);
        if (out !== 'done') return TRAP_STOPS[TRAPS.indexOf(out)];
      }
      return undefined;
    } catch (error) {
      if (error instanceof PageFault) return { reason: 'fault', fault: error };
      throw error;
    } finally {
      interpreter.finish();
    }
  }
}

/** What an instruction threw, as a stop; else thrown on. */
function thrownStop(error: unknown): Stop {
  if (error instanceof PageFault) return { reason: 'fault', fault: error };
  if (error instanceof FloatTrap) return { reason: 'trap', trap: 'float' };
  throw error;
}
