import { joined } from '../abi/bytes.js';
import { fromBase64, toBase64 } from '../event/base64.js';
import { Digest } from '../event/digest.js';
import { CodeReader } from '../machine/decode.js';
import {
  type Exploration,
  explorationOf,
  type ObjectFile,
  refused,
  type Surroundings,
  scenarioNames,
  type ToldScenario,
  tell,
} from './api.js';
import { tellVerdict } from './document.js';
import { checkOptions, ExploreError, type ExploreOptions, searchOptionsOf, settingsOf } from './options.js';
import { type PartOf, PartViolation } from './part.js';
import { type Explored, exploreScenario } from './scenario.js';
import type { Facts } from './semantics/facts.js';
import { Knowledge } from './semantics/knowledge.js';
import type { AbortRange } from './semantics/liveness.js';
import { isAlike, MachineCode } from './semantics/machine-code.js';
import { World } from './semantics/world.js';
import { Union } from './union.js';
import type { Bound } from './verdict.js';

const SCHEMA = 'rseqlab.explore-part/1';

/** What a part has found out about one scenario. */
export interface ScenarioPart {
  readonly scenario: string;
  /** Which part of it this is. */
  readonly index: number;
  readonly count: number;
  /** A violation ends a part: where the shortest one is, is for merge to say. */
  readonly end: 'complete' | 'violation' | Bound;
  /** The rest is only there where the end is no violation: what was learned, what was aborted where, and numbers of states by layer. */
  readonly facts: Facts;
  readonly symmetry: boolean;
  readonly serial: boolean;
  readonly aborted: readonly (readonly [range: AbortRange, ips: readonly number[]])[];
  readonly layers: readonly number[];
  /** Most stores that have waited at once. */
  readonly longest: number;
  readonly locals: number;
  readonly memories: number;
  readonly cells: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** The first line of a part's file, JSON. Behind it, for each scenario without a violation: states, locals and memories as fingerprints of 8 bytes, and for each state two bytes with the number of its edges. */
interface Head {
  readonly schema: typeof SCHEMA;
  readonly version: string;
  /** Of all the rest. */
  readonly digest: string;
  readonly part: PartOf;
  readonly path: string;
  /** The ELF file, base64. */
  readonly program: string;
  readonly options: ExploreOptions;
  readonly scenarios: readonly ScenarioPart[];
}

/** Explores a part of a file's scenarios: the file to be merged with the others, and what it says. Throws ExploreError. */
export async function explorePart(
  file: ObjectFile,
  options: ExploreOptions,
  { host, version }: Surroundings,
  part: PartOf,
): Promise<{ readonly bytes: Uint8Array; readonly scenarios: readonly ScenarioPart[] }> {
  checkOptions(options);
  if (options.exact === true)
    throw new ExploreError('parts are compared by fingerprints: they cannot be explored with --exact');
  const { onProgress, signal: _, ...plain } = options;
  const scenarios: ScenarioPart[] = [];
  const bodies: Uint8Array[] = [];
  try {
    for (const { scenario, ...share } of sharesOf(scenarioNames(file, options), part)) {
      const program = { ...file, arguments: [], environment: [] };
      const explored = await exploreScenario(program, settingsOf(options, scenario), {
        ...searchOptionsOf(options),
        part: { ...share, frontier: part.frontier },
        ...(host && { host }),
        ...(onProgress && { onProgress: (progress) => onProgress({ ...progress, scenario }) }),
      }).catch((error: unknown) => {
        if (error instanceof PartViolation) return undefined;
        throw error;
      });
      scenarios.push({ scenario, ...share, ...partOf(explored) });
      if (explored !== undefined)
        bodies.push(explored.record!.bytes(explored.verdict.locals, explored.verdict.memories));
    }
  } catch (error) {
    throw refused(error);
  }
  const rest = { version, part, path: file.path, program: toBase64(file.bytes), options: plain, scenarios };
  const head: Head = { schema: SCHEMA, digest: digestOf(rest, bodies), ...rest };
  const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
  return { bytes: joined([line, ...bodies]), scenarios };
}

/**
 * What a part does: whole scenarios, in turn, where there are as many as parts or more; else each scenario is divided among some parts.
 * Scenarios have no states in common, parts of one have nearly all.
 */
function sharesOf(
  scenarios: readonly string[],
  { index, count }: PartOf,
): { scenario: string; index: number; count: number }[] {
  const all = scenarios.length;
  return scenarios.flatMap((scenario, number) => {
    if (all >= count) return number % count === index ? [{ scenario, index: 0, count: 1 }] : [];
    if (index % all !== number) return [];
    return [{ scenario, index: Math.floor(index / all), count: Math.ceil((count - number) / all) }];
  });
}

function partOf(explored: Explored | undefined): Omit<ScenarioPart, 'scenario' | 'index' | 'count'> {
  const nothing = { facts: {}, symmetry: false, serial: false, aborted: [], layers: [], longest: 0 };
  if (explored === undefined)
    return { end: 'violation', ...nothing, locals: 0, memories: 0, cells: 0, bytes: 0, seconds: 0 };
  const { verdict, knowledge, symmetry, serial, code, record } = explored;
  const { locals, memories, cells, bytes, seconds } = verdict;
  return {
    end: verdict.kind === 'bounded' ? verdict.bound : 'complete',
    facts: knowledge.facts,
    symmetry,
    serial: serial !== undefined,
    aborted: [...code.coverage.sections.values()].map(({ range, aborted }) => [range, [...aborted]]),
    layers: record!.layers,
    longest: code.buffers.longest,
    locals,
    memories,
    cells,
    bytes,
    seconds,
  };
}

function digestOf(rest: object, bodies: readonly Uint8Array[]): string {
  const digest = new Digest();
  for (const bytes of [new TextEncoder().encode(JSON.stringify(rest)), ...bodies]) digest.bytes(bytes);
  return digest.text();
}

/** A part's file. */
export interface PartFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Part {
  readonly name: string;
  readonly head: Head;
  readonly body: Uint8Array;
}

/**
 * Puts the parts of a search together: what one machine would have found. Where a part has a violation, the shortest one is found here, by
 * the ordinary search. Throws ExploreError.
 */
export async function mergeParts(
  files: readonly PartFile[],
  own: Pick<ExploreOptions, 'jobs' | 'onProgress' | 'signal'>,
  surroundingsOf: (path: string) => Surroundings,
): Promise<Exploration> {
  const parts = files.map(read);
  checkWhole(parts);
  const { name, head } = parts[0]!;
  const surroundings = surroundingsOf(head.path);
  if (head.version !== surroundings.version)
    throw new ExploreError(
      `${name}: it was written by rseqlab ${head.version}, and this is ${surroundings.version}`,
    );
  const file = { path: head.path, bytes: fromBase64(head.program) };
  const options = { ...head.options, ...own };
  const told: ToldScenario[] = [];
  const said = parts.flatMap(saidOf);
  try {
    for (const scenario of scenarioNames(file, options)) {
      const all = said.filter((each) => each.said.scenario === scenario);
      if (all.some(({ said: { end } }) => end === 'violation'))
        told.push(await tell(file, scenario, options, surroundings, undefined));
      else told.push(tellUnion(file, scenario, options, surroundings, all));
    }
  } catch (error) {
    throw refused(error);
  }
  return explorationOf(file, told, surroundings);
}

interface Said {
  readonly name: string;
  readonly said: ScenarioPart;
  readonly states: number;
  readonly body: Uint8Array;
}

function saidOf({ name, head: { scenarios }, body }: Part): Said[] {
  let at = 0;
  return scenarios.map((said) => {
    const states = said.layers.reduce((sum, each) => sum + each, 0);
    const from = at;
    at += states * 10 + (said.locals + said.memories) * 8;
    return { name, said, states, body: body.subarray(from, at) };
  });
}

function tellUnion(
  { path, bytes }: ObjectFile,
  scenario: string,
  options: ExploreOptions,
  { lines }: Surroundings,
  given: readonly Said[],
): ToldScenario {
  const isWhole = ({ said: { end } }: Said): boolean => end === 'complete' || end === 'cost';
  const first = given.find(isWhole) ?? given[0]!;
  // What a part has not seen it has not learned.
  const all = given.filter((each) => isWhole(each) || decisive(each.said) === decisive(first.said));
  for (const { name, said } of all)
    if (decisive(said) !== decisive(first.said))
      throw new ExploreError(
        `${scenario}: ${name} has learned other things of the program than ${first.name}, so that their states cannot be compared; explore all parts again with a larger --frontier`,
      );
  const settings = settingsOf(options, scenario);
  const search = searchOptionsOf(options);
  const world = new World({ path, bytes, arguments: [], environment: [] }, settings);
  const knowledge = knowledgeOf(world, first.said.facts);
  for (const { said } of all) knowledge.stack.join(knowledgeOf(world, said.facts).stack);
  if (knowledge.stack.findsReader())
    throw new ExploreError(
      `${scenario}: a task reads stack that was given back, which no part has seen by itself; explore it on one machine`,
    );
  const union = new Union();
  const locals = new Set<bigint>();
  const memories = new Set<bigint>();
  for (const { said, states, body } of all) {
    // Not slice(): that of a Buffer of Node shares its memory.
    const copy = new Uint8Array(body);
    const words = new Uint32Array(copy.buffer, 0, (copy.length - states * 2) >> 2);
    const edges = new Uint16Array(copy.buffer, words.length * 4, states);
    let state = 0;
    for (const [cost, count] of said.layers.entries())
      for (let end = state + count; state < end; state++)
        union.add(words[state * 2]!, words[state * 2 + 1]!, cost, edges[state]!);
    const wide = new BigUint64Array(copy.buffer, states * 8, said.locals + said.memories);
    for (const [index, hash] of wide.entries()) (index < said.locals ? locals : memories).add(hash);
  }
  const code = new MachineCode(world, knowledge, search.reductions, () => undefined);
  const ends = given.map(({ said: { end } }) => end).filter((end) => end !== 'complete') as Bound[];
  // Costs are lower where all parts are seen: the bound may be beyond the last layer.
  const bound =
    ends.find((end) => end !== 'cost') ?? (union.cost < (search.maxCost ?? 0) ? undefined : ends[0]);
  for (const { said } of all)
    for (const [range, ips] of said.aborted) for (const ip of ips) code.coverage.of(range).add(ip);
  code.buffers.longest = Math.max(...all.map(({ said }) => said.longest));
  const counts = {
    states: union.states,
    transitions: union.transitions(bound === undefined),
    slept: 0,
    cost: union.cost,
    locals: locals.size,
    memories: memories.size,
    cells: first.said.cells,
    maxFrontier: Math.max(...union.layers),
    bytes: Math.max(...all.map(({ said }) => said.bytes)),
    seconds: all.reduce((sum, { said }) => sum + said.seconds, 0),
    exact: false,
    // Fingerprints of each part's own, and those by which states of parts are compared.
    collision: union.states ** 2 / 2 ** 64,
  };
  const explored: Explored = {
    verdict: bound === undefined ? { ...counts, kind: 'verified' } : { ...counts, kind: 'bounded', bound },
    world,
    knowledge,
    code,
    again: code,
    serial: first.said.serial ? new Set() : undefined,
    symmetry: first.said.symmetry,
    alike: isAlike(code),
    record: undefined,
    rounds: 1,
  };
  const { verdict, learned } = tellVerdict(explored, settings, search, lines);
  return { told: { verdict, learned }, settings, reductions: search.reductions };
}

function knowledgeOf(world: World, facts: Facts): Knowledge {
  const knowledge = new Knowledge(world, new CodeReader(world.machine));
  knowledge.restore(facts);
  return knowledge;
}

/** What was learned that decides about states, in whatever order. What becomes of the stack is put together. */
const decisive = ({ facts, symmetry }: ScenarioPart): string =>
  JSON.stringify([
    symmetry,
    Object.entries(facts).map(([name, value]) => {
      if (name === 'stack') return (value as Facts)['kept'];
      // How it was learned.
      if (name === 'seen' || name === 'toSee') return name;
      return [name, Array.isArray(value) ? value.map((each) => JSON.stringify(each)).sort() : value];
    }),
  ]);

function read({ name, bytes }: PartFile): Part {
  const end = bytes.indexOf(0x0a);
  let head: Head | undefined;
  try {
    head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))) as Head;
  } catch {
    // Said below.
  }
  const bad = (what: string): never => {
    throw new ExploreError(`${name}: ${what}; give the files of rseqlab explore --shard`);
  };
  if (head?.schema !== SCHEMA) return bad('it is no part of a search, or cut off');
  const { schema: _, digest, ...rest } = head;
  const body = bytes.subarray(end + 1);
  if (digest !== digestOf(orderOf(rest), [body])) return bad('it is damaged, or cut off');
  return { name, head, body };
}
const orderOf = ({ version, part, path, program, options, scenarios }: Omit<Head, 'schema' | 'digest'>) => ({
  version,
  part,
  path,
  program,
  options,
  scenarios,
});

/** All parts of one search, each once. Throws ExploreError. */
function checkWhole(parts: readonly Part[]): void {
  const [{ name, head }] = parts as [Part];
  const { count, frontier } = head.part;
  const asked = ({ version, program, options }: Head): string => {
    const { jobs: _, ...rest } = options;
    return JSON.stringify([version, program, rest]);
  };
  const seen = new Map<number, string>();
  for (const each of parts) {
    const { part } = each.head;
    if (part.count !== count || part.frontier !== frontier || asked(each.head) !== asked(head))
      throw new ExploreError(`${each.name} and ${name} are parts of different searches`);
    const same = seen.get(part.index);
    if (same !== undefined)
      throw new ExploreError(`${each.name} and ${same} are the same part, ${part.index + 1} of ${count}`);
    seen.set(part.index, each.name);
  }
  const missing = Array.from({ length: count }, (_, index) => index).filter((index) => !seen.has(index));
  if (missing.length > 0)
    throw new ExploreError(
      `${missing.length === 1 ? 'a part is' : 'parts are'} missing: ${missing.map((index) => `${index + 1} of ${count}`).join(', ')}`,
    );
}
