import type { Meaning } from '../isa/meaning.js';
import type { StepsAt } from './code-cache.js';
import { CodeMap, type CodeRange } from './code-map.js';
import { codeStore, type StoredCode } from './code-store.js';
import { CodeReader } from './decode.js';
import type { Machine } from './machine.js';
import { type CodedInstruction, findRegion, type ReadMeaning, type Region, sweep } from './region.js';
import { regionFunction } from './region-code.js';
import { isStructured } from './region-flow.js';
import { PAGE_SIZE } from './state.js';
import { unitFunction } from './unit-code.js';
import { host, type WasmTable } from './wasm/host.js';
import type { FunctionBody } from './wasm/module.js';

/**
 * Legend of Kind:
 *   steps    single instructions, entered at any of them: quickly made
 *   region   what an entry reaches, as one piece of code
 */
type Kind = 'steps' | 'region';

interface Translation {
  readonly kind: Kind;
  readonly index: number;
  readonly entries: readonly number[];
  readonly ranges: readonly CodeRange[];
}

/** How many instructions are translated together as steps. */
const MOST_STEPS = 100;

/** Translated code of one machine: made when it is asked for, dropped when the program's code changes. */
export class Translations {
  readonly table: WasmTable = new host.Table({ initial: 64, element: 'anyfunc' });
  private readonly free: number[] = [];
  /** The next index in the table; 0 is nobody's. */
  private next = 1;
  private readonly regions = new Map<number, Translation>();
  private readonly steps = new Map<number, StepsAt>();
  private readonly reader: CodeReader;
  private readonly read: ReadMeaning = (at) => this.reader.meaningAt(at);
  private readonly made = new CodeMap<Translation>();
  /** Visits of addresses that lost their slots. */
  private readonly visits = new Map<number, number>();

  constructor(private readonly machine: Machine) {
    this.reader = new CodeReader(machine);
    machine.architectureChanged = () => {
      this.reader.forgetAll();
      for (const translation of this.made.takeAll()) this.drop(translation);
      this.visits.clear();
    };
    machine.codeChanged = (start, end) => {
      this.reader.forget(Math.floor(start / PAGE_SIZE));
      for (const translation of this.made.take(start, end)) this.drop(translation);
      return this.made.has(Math.floor(start / PAGE_SIZE));
    };
  }

  knows(at: number): boolean {
    return this.steps.has(at) || this.regions.has(at);
  }

  meaningAt(at: number): Meaning | undefined {
    return Number.isNaN(at) ? undefined : this.reader.meaningAt(BigInt(at));
  }

  /** Code to run at `at`: false where there is no known instruction. */
  find(at: number): boolean {
    if (Number.isNaN(at)) return false;
    if (!this.steps.has(at) && !this.makeSteps(at)) return false;
    this.fill(at);
    return true;
  }

  /** The instruction at `at` alone; not kept. */
  single(at: number): (() => number) | undefined {
    const instructions = sweep(BigInt(at), this.read, 1);
    return instructions.length === 0
      ? undefined
      : this.machine.compile([unitFunction(instructions, this.machine.fold)])[0];
  }

  /** A region for `at`, which is run often. */
  improve(at: number): boolean {
    const stored =
      codeStore.find(this.named('region'), at, this.holds) ??
      this.translate('region', at, () => {
        const whole = findRegion(BigInt(at), this.read, true);
        const region =
          whole === undefined || isStructured(whole) ? whole : findRegion(BigInt(at), this.read, false);
        return (
          region && {
            entries: [at],
            instructions: instructionsOf(region),
            body: regionFunction(region, this.machine.fold),
          }
        );
      });
    if (stored !== undefined) this.add('region', stored);
    return this.find(at);
  }

  /** Code for folded memory is another for each way of folding, and the same bytes mean other things to other architectures. */
  private named(kind: Kind): string {
    const { fold, architecture } = this.machine;
    const own = architecture === 'x86-64' ? kind : `${architecture} ${kind}`;
    return fold === undefined ? own : `${own} ${fold}`;
  }

  private makeSteps(at: number): boolean {
    const stored =
      codeStore.find(this.named('steps'), at, this.holds) ??
      this.translate('steps', at, () => {
        const instructions = sweep(BigInt(at), this.read, MOST_STEPS, (address) =>
          this.steps.has(Number(address)),
        );
        if (instructions.length === 0) return undefined;
        const entries = instructions.map(({ address }) => Number(address));
        return { entries, instructions, body: unitFunction(instructions, this.machine.fold) };
      });
    if (stored !== undefined) this.add('steps', stored);
    return stored !== undefined;
  }

  private translate(
    kind: Kind,
    at: number,
    make: () =>
      | { entries: readonly number[]; instructions: readonly CodedInstruction[]; body: FunctionBody }
      | undefined,
  ): StoredCode | undefined {
    const made = make();
    if (made === undefined) return undefined;
    const ranges = rangesOf(made.instructions);
    const bytes = new Uint8Array(ranges.reduce((sum, [start, end]) => sum + end - start, 0));
    let offset = 0;
    for (const [start, end] of ranges) {
      bytes.set(this.machine.peek(start, end - start), offset);
      offset += end - start;
    }
    const stored = { module: this.machine.module([made.body]), entries: made.entries, ranges, bytes };
    codeStore.add(this.named(kind), at, stored);
    return stored;
  }

  private add(kind: Kind, { module, entries, ranges }: StoredCode): void {
    const index = this.free.pop() ?? this.next++;
    if (index >= this.table.length) this.table.grow(this.table.length);
    this.table.set(index, this.machine.instance(module)['0']);
    const translation: Translation = { kind, index, entries, ranges };
    for (const page of this.made.add(translation)) this.machine.markCode(page);
    for (const [entry, at] of entries.entries()) {
      if (kind === 'steps') this.steps.set(at, { index, entry });
      else this.regions.set(at, translation);
    }
  }

  private drop(translation: Translation): void {
    this.machine.codeVersion++;
    for (const at of translation.entries) {
      if (this.regions.get(at) === translation) this.regions.delete(at);
      if (this.steps.get(at)?.index === translation.index) this.steps.delete(at);
      this.machine.codeCache.forget(at);
    }
    this.table.set(translation.index, null);
    this.free.push(translation.index);
  }

  private fill(at: number): void {
    const region = this.regions.get(at);
    // With a region there is nothing more to be made of it, however often it is visited.
    const visits = region === undefined ? (this.visits.get(at) ?? 0) : 2 ** 31;
    const before = this.machine.codeCache.set(at, region?.index, this.steps.get(at), visits);
    if (before.at !== 0 && before.at !== at) this.visits.set(before.at, before.visits);
  }

  /** Does memory hold these bytes as code? */
  private readonly holds = (start: number, bytes: Uint8Array): boolean => this.machine.isCode(start, bytes);
}

const instructionsOf = ({ blocks }: Region): CodedInstruction[] =>
  blocks.flatMap(({ instructions }) => instructions);

/** What instructions cover, those that follow each other as one range. */
function rangesOf(instructions: readonly CodedInstruction[]): CodeRange[] {
  const ranges: [number, number][] = [];
  for (const { address, meaning } of [...instructions].sort((a, b) => Number(a.address - b.address))) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] >= Number(address)) last[1] = Math.max(last[1], Number(meaning.next));
    else ranges.push([Number(address), Number(meaning.next)]);
  }
  return ranges;
}
