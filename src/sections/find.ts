import { type Addr, asAddr, plus } from '../abi/address.js';
import { SHT } from '../binary/headers.js';
import type { FunctionRange, ProgramImage } from '../binary/image.js';
import { RseqArea } from './area.js';
import { type ArmingStore, armingStores } from './armings.js';
import { Code } from './code.js';
import { decoderFor } from './decoders.js';
import { type AbortRange, AbortRanges, Flow, SIGNATURE_SIZE } from './flow.js';
import { arrives, functionFor } from './functions.js';
import { placesOfInterest } from './places.js';
import { abortCandidates, wordsHolding } from './scan.js';
import { type Arming, type CriticalSection, type Descriptor, type FoundBy, sameCode } from './section.js';
import {
  ABORT_IP,
  descriptorSections,
  exitPoints,
  isExecutable,
  isPlausible,
  pointerArray,
  readDescriptor,
} from './tables.js';
import { hasTraces, usualSignature } from './traces.js';

/** How to look. */
export interface FindOptions {
  /** The signature that stands in front of abort handlers; default: the architecture's RSEQ_SIG. */
  readonly signature?: number;
}

/** All sections of one image, and the code around them. */
export interface Findings {
  readonly image: ProgramImage;
  readonly sections: readonly CriticalSection[];
  /** u32 expected in front of abort handlers, as code reads it; undefined where the architecture has no rseq. */
  readonly signature: number | undefined;
  /** Undefined where this architecture's code is not decoded: only descriptors were looked at. */
  readonly code: Code | undefined;
  readonly area: RseqArea;
  /** Control flow of every function that holds a section, arms one, or uses struct rseq. */
  readonly flows: readonly Flow[];
  readonly armings: readonly ArmingStore[];
  /** The function that holds the section's code. */
  flowOf(section: CriticalSection): Flow | undefined;
  /** The function that holds an address, else one that jumps there. */
  flowAt(at: Addr): Flow | undefined;
  readonly pointerArray: ReturnType<typeof pointerArray>;
  /** Descriptors some code or data other than the pointer array refers to: they may be armed from afar. */
  readonly referenced: ReadonlySet<Addr>;
}

/** Finds every restartable sequence of an image, each by all the ways that lead to it. */
export function findSections(image: ProgramImage, options: FindOptions = {}): Findings {
  return new Finder(image, options).find();
}

class Finder {
  private readonly descriptors = new Map<Addr, { descriptor: Descriptor; foundBy: Set<FoundBy> }>();
  private readonly onStack: Descriptor[] = [];
  private readonly code: Code | undefined;
  private readonly signature: number | undefined;
  private readonly area = new RseqArea();
  private readonly referenced = new Set<Addr>();
  private pointers: ReturnType<typeof pointerArray> = [];
  private flows = new Map<Addr, Flow>();
  private armings: ArmingStore[] = [];

  constructor(
    private readonly image: ProgramImage,
    options: FindOptions,
  ) {
    const decoder = decoderFor(image);
    this.code = decoder && new Code(image, decoder);
    this.signature = options.signature ?? usualSignature(image);
  }

  find(): Findings {
    if (hasTraces(this.image, this.signature)) this.search();
    return {
      image: this.image,
      sections: this.sections(),
      signature: this.signature,
      code: this.code,
      area: this.area,
      flows: [...this.flows.values()],
      armings: this.armings,
      flowOf: (section) => this.flowAt(section.start),
      flowAt: (at) => this.flowAt(at),
      pointerArray: this.pointers,
      referenced: this.referenced,
    };
  }

  private search(): void {
    this.pointers = pointerArray(this.image);
    for (const { address } of this.pointers) this.add(asAddr(address), 'ptr-array');
    const listed = new Set(this.descriptors.keys());
    for (const { address } of descriptorSections(this.image, listed)) this.add(address, 'cs-section');
    const aborts = this.bySignature();
    this.analyse(aborts);
  }

  private add(address: Addr | undefined, foundBy: FoundBy): void {
    if (address === undefined) return;
    const known = this.descriptors.get(address);
    if (known !== undefined) {
      known.foundBy.add(foundBy);
      return;
    }
    const descriptor = readDescriptor(this.image, address);
    if (descriptor !== undefined) this.descriptors.set(address, { descriptor, foundBy: new Set([foundBy]) });
  }

  /** Signatures in code lead to descriptors in data; returns the abort handlers that no descriptor in data names. */
  private bySignature(): Set<number> {
    if (this.signature === undefined) return new Set();
    const step = this.code?.decoder.minLength ?? 1;
    const candidates = new Set<number>(
      abortCandidates(this.image.regions, this.image.header.littleEndian, this.signature, step),
    );
    const named = new Set<number>();
    for (const { place, target } of wordsHolding(this.image, candidates)) {
      const address = plus(place, -ABORT_IP);
      const descriptor = readDescriptor(this.image, address);
      const section = this.image.sectionAt(address);
      // Relocation and symbol tables hold addresses of code too; a wrong version is believed only where the file says it is data.
      if (section === undefined ? descriptor?.version !== 0 : section.type !== SHT.PROGBITS) continue;
      if (!isPlausible(this.image, descriptor) || !isExecutable(this.image, descriptor!.startIp)) continue;
      named.add(target);
      this.add(address, 'signature');
    }
    for (const target of named) candidates.delete(target);
    return candidates;
  }

  private analyse(aborts: ReadonlySet<number>): void {
    const { code } = this;
    if (code === undefined) return;
    const { places, referenced } = placesOfInterest(code, {
      descriptors: [...this.descriptors.values()].map(({ descriptor }) => descriptor),
      ranges: this.ranges(),
      aborts,
    });
    for (const address of referenced) this.referenced.add(address);
    const starts = this.functionsOf(code, places);
    const budget = { left: budgetFor(this.image) };
    for (;;) {
      const aborts = new AbortRanges(this.ranges());
      for (const range of starts.values()) {
        if (!this.flows.has(range.start)) {
          this.flows.set(range.start, new Flow(code, range, aborts, (start) => starts.has(start), budget));
        }
      }
      if (!this.findArmings()) break;
      // A section on the stack came to light: its function is analysed again, with its abort edges.
      for (const { flow, descriptor } of this.armings) {
        if (typeof descriptor !== 'number') this.flows.delete(flow.range.start);
      }
    }
    for (const store of this.armings) this.area.learn(store.flow, store.field);
  }

  /** The functions that hold these places, by start. Guessed ones do not overlap: what one covers needs no other guess. */
  private functionsOf(code: Code, places: readonly Addr[]): Map<Addr, FunctionRange> {
    const starts = new Map<Addr, FunctionRange>();
    let guess: FunctionRange | undefined;
    for (const at of [...places].sort((a, b) => a - b)) {
      if (guess !== undefined && at < guess.end && arrives(code, guess.start, at)) continue;
      const range = functionFor(code, at);
      if (range === undefined) continue;
      starts.set(range.start, range);
      if (range.from === 'guess') guess = range;
    }
    return starts;
  }

  /** Collects the arming stores; true where a descriptor on the stack was seen for the first time. */
  private findArmings(): boolean {
    const known = this.onStack.length;
    const hasSignature = (abort: Addr): boolean => this.signatureAt(abort) === this.signature;
    this.armings = [...this.flows.values()].flatMap((flow) =>
      armingStores(flow, (address) => this.descriptors.has(address), hasSignature),
    );
    for (const { descriptor } of this.armings) {
      if (typeof descriptor === 'number') this.descriptors.get(descriptor)?.foundBy.add('code');
      else if (!this.onStack.some((other) => sameCode(other, descriptor))) this.onStack.push(descriptor);
    }
    return this.onStack.length > known;
  }

  private ranges(): AbortRange[] {
    const all = [...[...this.descriptors.values()].map(({ descriptor }) => descriptor), ...this.onStack];
    return all.flatMap((descriptor) => {
      const { start, end, abort } = limits(descriptor);
      return start === undefined || end === undefined || abort === undefined ? [] : [{ start, end, abort }];
    });
  }

  private signatureAt(abort: Addr | undefined): number | undefined {
    return abort === undefined ? undefined : this.image.u32(plus(abort, -SIGNATURE_SIZE));
  }

  private flowAt(start: Addr | undefined): Flow | undefined {
    if (start === undefined) return undefined;
    const own = this.code && functionFor(this.code, start);
    const flow = own && this.flows.get(own.start);
    if (flow?.reached(start)) return flow;
    return [...this.flows.values()].find((each) => each.reached(start)) ?? flow;
  }

  private sections(): CriticalSection[] {
    const exits = exitPoints(this.image);
    const made = [...this.descriptors.values()].map(({ descriptor, foundBy }) =>
      this.section(descriptor, [...foundBy], exits),
    );
    for (const descriptor of this.onStack) made.push(this.section(descriptor, ['stack'], exits));
    return made.sort(
      (a, b) => (a.start ?? 0) - (b.start ?? 0) || (a.descriptor.address ?? 0) - (b.descriptor.address ?? 0),
    );
  }

  private section(descriptor: Descriptor, foundBy: FoundBy[], exits: Map<bigint, Addr[]>): CriticalSection {
    const { start, end, abort } = limits(descriptor);
    const armings: Arming[] = this.armings
      .filter((store) =>
        typeof store.descriptor === 'number'
          ? store.descriptor === descriptor.address
          : descriptor.address === undefined && sameCode(store.descriptor, descriptor),
      )
      .map((store) => ({ at: store.at, function: store.flow.range.start }))
      .filter((store, index, all) => all.findIndex(({ at }) => at === store.at) === index);
    return {
      descriptor,
      foundBy,
      start,
      end,
      abort,
      exitPoints: exits.get(descriptor.startIp) ?? [],
      armings,
      function: start === undefined ? undefined : this.image.functionAt(start)?.name,
      signature: this.signatureAt(abort),
    };
  }
}

/**
 * Instructions to analyse in one file, those that several functions share counted in each: generous for any real program, and a
 * bound for a damaged file in which every descriptor makes another function of the same bytes.
 */
const budgetFor = (image: ProgramImage): number =>
  20_000 + 4 * image.codeInFile.reduce((sum, { bytes }) => sum + bytes.length, 0);

/** The range and abort handler as addresses, where they are in user space and the range does not wrap. */
function limits({ startIp, postCommitOffset, abortIp }: Descriptor): {
  start: Addr | undefined;
  end: Addr | undefined;
  abort: Addr | undefined;
} {
  return { start: asAddr(startIp), end: asAddr(startIp + postCommitOffset), abort: asAddr(abortIp) };
}
