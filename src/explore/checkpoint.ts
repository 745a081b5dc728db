import type { Range } from './context.js';
import type { Engine } from './engine.js';

/** What a search stands at, between two rounds. */
export interface Position {
  /** Which edges are followed: those of cost 0, to close the layer, or the others, into the next one. */
  phase: 0 | 1;
  cost: number;
  /** All states of the layer found so far, and of those the ones that are still to be expanded (in this level, in this phase). */
  layer: Range[];
  pending: Range[];
  /** States found in this level (phase 0), or of the next layer (phase 1). */
  found: Range[];
}
/** What else the search counts. */
export interface Tally {
  maxFrontier: number;
  maxBytes: number;
  seconds: number;
  deadlock: boolean;
  badEnd: boolean;
}

export class CheckpointError extends Error {}

interface Head {
  readonly format: 'rseqlab.explore-checkpoint/1';
  readonly tasks: number;
  readonly symmetry: boolean;
  readonly exact: boolean;
  readonly phase: 0 | 1;
  readonly cost: number;
  readonly tally: Tally;
  readonly transitions: number;
  readonly violations: number;
  readonly states: number;
  readonly slots: number;
  /** Of the graph, to see that it was made again as it was. */
  readonly graph: readonly number[];
  /** Words of the sections, in order. */
  readonly sections: readonly number[];
}

const graphSizes = ({ graph }: Engine): number[] => [
  graph.locals,
  graph.nodes,
  graph.cells,
  graph.memories,
  graph.digest,
];

/**
 * A search as bytes: what was asked of the semantics (so that the graph can be made again by asking again), the states of the layer and of
 * the next, and the visited table without its free slots.
 */
export function save(engine: Engine, at: Position, tally: Tally): Uint8Array {
  const { settings, shape, stepper } = engine;
  const done = subtract(at.layer, at.pending);
  const sections = [
    Int32Array.from(stepper.log),
    engine.words(done),
    engine.words(at.pending),
    engine.words(at.found),
    ...packed(engine.table, shape.slot / 4),
  ];
  const head: Head = {
    format: 'rseqlab.explore-checkpoint/1',
    tasks: shape.tasks,
    symmetry: settings.symmetry,
    exact: settings.exact,
    phase: at.phase,
    cost: at.cost,
    tally,
    transitions: engine.transitions,
    violations: engine.violations,
    states: engine.states,
    slots: engine.table.length / (shape.slot / 4),
    graph: graphSizes(engine),
    sections: sections.map(({ length }) => length),
  };
  const text = new TextEncoder().encode(JSON.stringify(head));
  const words = sections.reduce((sum, { length }) => sum + length, 0);
  const start = (4 + text.length + 3) & ~3;
  const bytes = new Uint8Array(start + words * 4);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  bytes.set(text, 4);
  let to = start;
  for (const section of sections) {
    bytes.set(new Uint8Array(section.buffer, section.byteOffset, section.byteLength), to);
    to += section.byteLength;
  }
  return bytes;
}

/** Takes a saved search up in a new engine, whose semantics stand at their start. */
export function load(engine: Engine, bytes: Uint8Array): { at: Position; tally: Tally } {
  const { head, sections } = parse(bytes);
  const { settings, shape } = engine;
  if (head.tasks !== shape.tasks || head.symmetry !== settings.symmetry || head.exact !== settings.exact)
    throw new CheckpointError('the checkpoint is of a search with other tasks or options');
  const [log, done, pending, found, bitmap, entries] = sections as [Int32Array, ...Int32Array[]];
  try {
    engine.stepper.replay(log);
  } catch (cause) {
    throw new CheckpointError('the checkpoint is of another program', { cause });
  }
  if (graphSizes(engine).join() !== head.graph.join())
    throw new CheckpointError('the checkpoint is of another program');
  const groups = [done!, pending!, found!].map((words, group) => {
    // In phase 1 the states found belong to the next layer, whose chunks outlive this one's.
    if (group === 2 && head.phase === 1) engine.leaveChunks();
    engine.addWords(words);
    return engine.fresh();
  }) as [Range[], Range[], Range[]];
  const table = engine.replaceTable(head.slots, head.states);
  unpack(table, shape.slot / 4, bitmap!, entries!);
  engine.setCounts(head.transitions, head.violations);
  const [before, left, next] = groups;
  return {
    at: { phase: head.phase, cost: head.cost, layer: [...before, ...left], pending: left, found: next },
    tally: head.tally,
  };
}

function parse(bytes: Uint8Array): { head: Head; sections: Int32Array[] } {
  const broken = new CheckpointError('this is not a checkpoint of explore, or it is cut off');
  if (bytes.length < 4) throw broken;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const start = (4 + length + 3) & ~3;
  let head: Head;
  try {
    head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  } catch {
    throw broken;
  }
  if (head.format !== 'rseqlab.explore-checkpoint/1') throw broken;
  const words = head.sections.reduce((sum, each) => sum + each, 0);
  if (bytes.length !== start + words * 4) throw broken;
  // A Buffer of Node shares its memory with others, and its slices too.
  const all = new Int32Array(Uint8Array.prototype.slice.call(bytes, start).buffer);
  let at = 0;
  const sections = head.sections.map((count) => {
    at += count;
    return all.subarray(at - count, at);
  });
  return { head, sections };
}

/** Parts of ranges that lie in none of the others, which are parts of them. */
function subtract(ranges: readonly Range[], others: readonly Range[]): Range[] {
  const cuts = [...others].sort((a, b) => a.from - b.from);
  return ranges.flatMap(({ from, to }) => {
    const left: Range[] = [];
    let at = from;
    for (const cut of cuts) {
      if (cut.to <= at || cut.from >= to) continue;
      if (cut.from > at) left.push({ from: at, to: cut.from });
      at = Math.max(at, cut.to);
    }
    if (at < to) left.push({ from: at, to });
    return left;
  });
}

/** Which slots are taken, as bits, and what stands in those. */
function packed(table: Int32Array, slot: number): [Int32Array, Int32Array] {
  const slots = table.length / slot;
  const bitmap = new Int32Array(Math.ceil(slots / 32));
  let taken = 0;
  for (let each = 0; each < slots; each++) {
    // Of a fingerprint one word may be 0, of a state the first is not.
    if (table[each * slot] === 0 && (slot !== 2 || table[each * slot + 1] === 0)) continue;
    bitmap[each >>> 5]! |= 1 << (each & 31);
    taken++;
  }
  const entries = new Int32Array(taken * slot);
  let to = 0;
  for (let each = 0; each < slots; each++) {
    if (((bitmap[each >>> 5]! >>> (each & 31)) & 1) === 0) continue;
    for (let word = 0; word < slot; word++) entries[to++] = table[each * slot + word]!;
  }
  return [bitmap, entries];
}
function unpack(table: Int32Array, slot: number, bitmap: Int32Array, entries: Int32Array): void {
  let from = 0;
  for (let each = 0; each < table.length / slot; each++) {
    if (((bitmap[each >>> 5]! >>> (each & 31)) & 1) === 0) continue;
    for (let word = 0; word < slot; word++) table[each * slot + word] = entries[from++]!;
  }
}
