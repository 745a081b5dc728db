import { Decoder, DecoderOptions } from 'iced-x86';
import type { Trap } from '../isa/meaning.js';
import { meaningOf } from '../isa/x86-64/meaning/index.js';
import { regionFunction, STEP } from './block-code.js';
import { CodeMap, type CodeRange } from './code-map.js';
import { TRAPS } from './imports.js';
import type { Machine } from './machine.js';
import { PageFault } from './page-fault.js';
import { findRegion, type Region } from './region.js';
import { PAGE_SIZE } from './state.js';
import { stepFunction } from './step-code.js';

/** Why a run ended: its budget, a trap, an access that is not allowed, or bytes that are no known instruction. */
export type Stop =
  | { readonly reason: 'budget' }
  | { readonly reason: 'trap'; readonly trap: Trap }
  | { readonly reason: 'fault'; readonly fault: PageFault }
  | { readonly reason: 'unknown'; readonly bytes: Uint8Array };

type Code = () => number;

/** Translated code, by what it was made from. */
interface Translation {
  readonly kind: 'step' | 'region';
  readonly at: number;
  readonly ranges: readonly CodeRange[];
}

/** Runs code on a machine: whole regions where they are hot, single instructions otherwise. Both do the same. */
export class Cpu {
  private readonly steps = new Map<number, Code>();
  private readonly regions = new Map<number, Code>();
  private readonly made = new CodeMap<Translation>();
  private readonly visits = new Map<number, number>();

  /** @param hot visits of an address before its region is translated: code that runs once is stepped. */
  constructor(
    private readonly machine: Machine,
    private readonly hot = 16,
  ) {
    machine.codeChanged = (start, end) => {
      for (const { kind, at } of this.made.take(start, end)) {
        (kind === 'step' ? this.steps : this.regions).delete(at);
        this.visits.delete(at);
      }
      return this.made.has(Math.floor(start / PAGE_SIZE));
    };
  }

  /** Runs at most `budget` instructions. With `exact` every one by itself. */
  run(budget: number, exact = false): Stop {
    const { machine } = this;
    machine.budget = BigInt(budget);
    while (machine.hasBudget) {
      const region = exact ? undefined : this.regionAt(machine.place);
      const result = region === undefined ? STEP : region();
      // A region that has used the budget up says STEP too.
      if (result === 0 || !machine.hasBudget) continue;
      const stop = this.step();
      if (stop !== undefined) return stop;
    }
    return { reason: 'budget' };
  }

  /** Runs one instruction (of a repeated one, one round); undefined where it is done. */
  step(): Stop | undefined {
    const { machine } = this;
    const at = machine.place;
    let code = this.steps.get(at);
    try {
      code ??= this.translate(at);
      if (code === undefined) return { reason: 'unknown', bytes: machine.fetch(machine.rip) };
      const result = code();
      machine.budget -= 1n;
      return result === 0 ? undefined : { reason: 'trap', trap: TRAPS[result - 1]! };
    } catch (error) {
      if (error instanceof PageFault) return { reason: 'fault', fault: error };
      throw error;
    }
  }

  private translate(at: number): Code | undefined {
    const bytes = this.machine.fetch(this.machine.rip);
    if (bytes.length === 0) throw this.machine.executeFault(this.machine.rip)!;
    const decoder = new Decoder(64, bytes, DecoderOptions.None);
    decoder.ip = BigInt(at);
    const instruction = decoder.decode();
    const meaning = instruction.isInvalid ? undefined : meaningOf(instruction);
    instruction.free();
    decoder.free();
    if (meaning === undefined) return undefined;
    const [code] = this.machine.compile([stepFunction(meaning)]);
    this.steps.set(at, code!);
    this.remember({ kind: 'step', at, ranges: [[at, Number(meaning.next)]] });
    return code;
  }

  private regionAt(at: number): Code | undefined {
    const known = this.regions.get(at);
    if (known !== undefined) return known;
    const visits = (this.visits.get(at) ?? 0) + 1;
    this.visits.set(at, visits);
    if (visits < this.hot) return undefined;
    const region = findRegion(BigInt(at), (address) => this.machine.fetch(address));
    const code = region === undefined ? undefined : this.machine.compile([regionFunction(region)])[0];
    if (code === undefined) this.visits.set(at, Number.NEGATIVE_INFINITY);
    else {
      this.regions.set(at, code);
      this.remember({ kind: 'region', at, ranges: rangesOf(region!) });
    }
    return code;
  }

  private remember(translation: Translation): void {
    for (const page of this.made.add(translation)) this.machine.markCode(page, page + 1);
  }
}

const rangesOf = ({ blocks }: Region): CodeRange[] =>
  blocks.flatMap(({ instructions }) =>
    instructions.map(({ address, meaning }): CodeRange => [Number(address), Number(meaning.next)]),
  );
