import type { Program } from '../kernel/program.js';
import { CodeReader } from '../machine/decode.js';
import type { KeptSearch } from './checkpoint-file.js';
import { learnAhead } from './learn-ahead.js';
import { type PartOf, PartRecord } from './part.js';
import { explore as search } from './search.js';
import type { Bad } from './semantics/bad.js';
import { Contents } from './semantics/content.js';
import type { Facts } from './semantics/facts.js';
import { Knowledge } from './semantics/knowledge.js';
import { isAlike, MachineCode, type Reductions } from './semantics/machine-code.js';
import { Refusal } from './semantics/refusal.js';
import { rehearse } from './semantics/rehearsal.js';
import { endKey, serialEnds } from './semantics/serial.js';
import type { Settings } from './semantics/settings.js';
import { World } from './semantics/world.js';
import type { Semantics } from './semantics.js';
import type { Sharing } from './sharing.js';
import type { Options, Verdict } from './verdict.js';

export interface ScenarioOptions extends Omit<Options, 'resume' | 'checkpoint' | 'part' | 'sharing'> {
  readonly reductions: Reductions;
  /** Ends are compared with those of undisturbed operations. */
  readonly serial: boolean | 'without-claims';
  /** Others who expand states too; called for each beginning. `facts`: what was learned when it begins. */
  readonly share?: (facts: () => Facts) => Sharing;
  /** Only a part of it. */
  readonly part?: PartOf;
  /** A search that may be broken off and taken up again. */
  readonly kept?: {
    /** The one to be taken up. */
    readonly search: KeptSearch | undefined;
    /** Seconds. */
    readonly every: number;
    write(search: KeptSearch): void;
  };
}

export interface Explored {
  readonly verdict: Verdict;
  readonly world: World;
  readonly knowledge: Knowledge;
  /** Of the first pass; and of the second, which tells the counterexample. */
  readonly code: MachineCode;
  readonly again: MachineCode;
  /** Ends of serial runs; undefined where they are not compared. */
  readonly serial: ReadonlySet<string> | undefined;
  /** Tasks that are in the same state were taken for one another. */
  readonly symmetry: boolean;
  /** CPUs, or mm_cids, were. */
  readonly alike: boolean;
  /** What a part of a search has seen. */
  readonly record: PartRecord | undefined;
  /** How often the search began. */
  readonly rounds: number;
}

/** Explores one scenario. Throws ProgramError, Refusal. */
export async function exploreScenario(
  program: Program,
  settings: Settings,
  options: ScenarioOptions,
): Promise<Explored> {
  const world = new World(program, settings);
  const began = Date.now();
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  const { kept } = options;
  let resume = kept?.search;
  if (resume !== undefined) knowledge.restore(resume.facts);
  else if (world.begun) rehearse(world, knowledge);
  const checkpoint = kept && {
    every: kept.every,
    write: (bytes: Uint8Array) => kept.write({ facts: knowledge.facts, search: bytes }),
  };
  for (let rounds = 1; ; rounds++) {
    try {
      if (resume === undefined) await learnAhead(world, knowledge, options);
      // Where an operation begins is seen at single instructions only.
      const single = { ...options.reductions, fusion: false, cpus: false };
      const serial =
        wantsSerial(world, options) && options.signal?.aborted !== true
          ? serialRuns(new MachineCode(world, knowledge, single, () => undefined, true))
          : undefined;
      const passes: MachineCode[] = [];
      const make = (exchange: boolean): MachineCode => {
        const { reductions } = options;
        const some = exchange ? reductions : { ...reductions, cpus: false };
        const code = new MachineCode(world, knowledge, some, (locals, memory) =>
          notSerial(serial, endKey(locals, memory)),
        );
        passes.push(code);
        return code;
      };
      const symmetry = options.reductions.symmetry && knowledge.symmetric;
      const time = options.time && Math.max(0, options.time - (Date.now() - began) / 1000);
      const { part: of, share, ...bounds } = options;
      const contents = new Contents(() => passes[0]!);
      const record = of && new PartRecord(of, symmetry, contents);
      const verdict = await search(make, {
        ...bounds,
        symmetry,
        sleep: options.reductions.sleep,
        ...(record && { part: record }),
        ...(share && { sharing: share(() => knowledge.facts) }),
        ...(time !== undefined && { time }),
        ...(resume && { resume: resume.search }),
        ...(checkpoint && { checkpoint }),
      });
      return {
        verdict,
        world,
        knowledge,
        code: passes[0]!,
        again: passes.at(-1)!,
        serial,
        symmetry,
        alike: isAlike(passes[0]!),
        record,
        rounds,
      };
    } catch (error) {
      if (!knowledge.learnedBy(error)) throw error;
      // What was kept did not know of it.
      resume = undefined;
    }
  }
}

/** What a program does, for one who knows as much of it as another, and only follows. */
export function followingSemantics(
  program: Program,
  settings: Settings,
  reductions: Reductions,
  facts: Facts,
): Semantics {
  const world = new World(program, settings);
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  knowledge.restore(facts);
  return new MachineCode(world, knowledge, reductions, () => undefined);
}

const wantsSerial = ({ scenario, begun }: World, { serial }: ScenarioOptions): boolean =>
  !begun &&
  (serial === 'without-claims' ? scenario.invariant === undefined && scenario.finally === undefined : serial);

function serialRuns(code: MachineCode): ReadonlySet<string> {
  const ends = serialEnds(code);
  // Without them nothing would be compared, and everything verified.
  if (ends === undefined)
    throw new Refusal(
      `scenario ${code.world.scenario.name}: there are too many orders of undisturbed operations to compare with; take fewer tasks or shorter ones, or say with RSEQLAB_FINALLY what must hold`,
    );
  return ends;
}

function notSerial(ends: ReadonlySet<string> | undefined, key: string): Bad | undefined {
  if (ends === undefined || ends.has(key)) return undefined;
  return { kind: 'serial', text: 'no order of undisturbed operations ends like this' };
}
