import { joined } from '../abi/bytes.js';
import { Digest } from '../event/digest.js';
import { CheckpointError } from './checkpoint.js';
import type { Facts } from './semantics/facts.js';

/** Where a search is kept that may be broken off. */
export interface CheckpointPlace {
  /** As messages call it. */
  readonly name: string;
  /** Seconds between two writes while the search goes on. */
  readonly every: number;
  /** What was kept there; undefined where there is nothing. */
  read(): Uint8Array | undefined;
  /** All at once, or not at all. */
  write(bytes: Uint8Array): void;
  remove(): void;
}

/** A search under way: what was learned of the program, and the state of the search (checkpoint.ts), for which that must be known. */
export interface KeptSearch {
  readonly facts: Facts;
  readonly search: Uint8Array;
}

const SCHEMA = 'rseqlab.explore-checkpoint-file/1';

interface Head<Done> {
  readonly schema: typeof SCHEMA;
  readonly version: string;
  /** Of what was asked for: program and options. */
  readonly asked: string;
  /** Of the scenarios and the bytes behind this line. */
  readonly digest: string;
  readonly scenarios: readonly {
    readonly name: string;
    readonly done?: Done;
    readonly open?: { readonly facts: Facts; readonly bytes: number };
  }[];
}

/**
 * The searches of one command, kept in a file: one line of JSON, and behind it the states of the searches that are not over, one after the
 * other. `Done` is what came of a search that is over, as JSON has it.
 */
export class CheckpointFile<Done> {
  private readonly done = new Map<string, Done>();
  private readonly open = new Map<string, KeptSearch>();
  private written = Date.now();
  private readonly asked: string;

  /** Takes up what is there. Throws CheckpointError where that belongs to something else, or is damaged. */
  constructor(
    private readonly place: CheckpointPlace,
    private readonly version: string,
    program: Uint8Array,
    options: object,
  ) {
    this.asked = digestOf(program, new TextEncoder().encode(JSON.stringify(options)));
    const bytes = place.read();
    if (bytes !== undefined) this.takeUp(bytes);
    // That nothing can be written there is said now, not after hours.
    else this.write();
  }

  get every(): number {
    return this.place.every;
  }
  doneWith(scenario: string): Done | undefined {
    return this.done.get(scenario);
  }
  searchOf(scenario: string): KeptSearch | undefined {
    return this.open.get(scenario);
  }

  keep(scenario: string, search: KeptSearch): void {
    this.open.set(scenario, search);
    this.writeWhenDue();
  }
  finish(scenario: string, done: Done): void {
    this.open.delete(scenario);
    this.done.set(scenario, done);
    this.writeWhenDue();
  }
  /** Nothing follows: where `over`, the file goes. */
  close(over: boolean): void {
    if (over) this.place.remove();
    else this.write();
  }

  /** The state of the search does not fit: it was not made by this program. */
  refuse(why: string): never {
    throw new CheckpointError(`${this.place.name}: ${why}; remove it to begin anew, or name another file`);
  }

  private writeWhenDue(): void {
    if (Date.now() - this.written >= this.every * 1000) this.write();
  }

  private write(): void {
    const bodies = [...this.open.values()].map(({ search }) => search);
    const scenarios = [
      ...[...this.done].map(([name, done]) => ({ name, done })),
      ...[...this.open].map(([name, { facts, search }]) => ({
        name,
        open: { facts, bytes: search.length },
      })),
    ];
    const digest = digestOf(new TextEncoder().encode(JSON.stringify(scenarios)), ...bodies);
    const head = { schema: SCHEMA, version: this.version, asked: this.asked, digest, scenarios };
    const line = new TextEncoder().encode(`${JSON.stringify(head)}\n`);
    this.place.write(joined([line, ...bodies]));
    this.written = Date.now();
  }

  private takeUp(bytes: Uint8Array): void {
    const end = bytes.indexOf(0x0a);
    let head: Head<Done> | undefined;
    try {
      head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, Math.max(0, end)))) as Head<Done>;
    } catch {
      // Said below.
    }
    if (head?.schema !== SCHEMA) this.refuse('it is no checkpoint of rseqlab explore, or it is cut off');
    const { version, asked, digest, scenarios } = head!;
    const body = bytes.subarray(end + 1);
    if (digest !== digestOf(new TextEncoder().encode(JSON.stringify(scenarios)), body))
      this.refuse('it is damaged, or cut off');
    if (version !== this.version)
      this.refuse(`it was written by rseqlab ${version}, and this is ${this.version}`);
    if (asked !== this.asked) this.refuse('it is of another program, or of other options');
    let at = 0;
    for (const { name, done, open } of scenarios) {
      if (done !== undefined) this.done.set(name, done);
      if (open === undefined) continue;
      this.open.set(name, { facts: open.facts, search: body.subarray(at, at + open.bytes) });
      at += open.bytes;
    }
  }
}

function digestOf(...parts: readonly Uint8Array[]): string {
  const digest = new Digest();
  for (const part of parts) digest.bytes(part);
  return digest.text();
}
