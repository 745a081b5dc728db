import { Digest } from '../../event/digest.js';
import type { Draft } from './local.js';
import type { MachineCode } from './machine-code.js';

/** 128 bits. */
export type Hash = readonly [number, number, number, number];

/**
 * What locals and memories are, without numbers that depend on the order in which they were found: the same in every search of this program
 * that has learned the same of it.
 */
export class Contents {
  private readonly locals: Hash[] = [];
  private readonly memories: Hash[][] = [];
  private readonly parts = new WeakMap<object, string>();

  constructor(private readonly code: () => MachineCode) {}

  local(id: number): Hash {
    this.locals[id] ??= hashOf(this.meaning(this.code().locals.all[id]!));
    return this.locals[id];
  }
  /** What a memory becomes by each turn. */
  memory(id: number): readonly Hash[] {
    const code = this.code();
    this.memories[id] ??= Array.from({ length: code.turns }, (_, turn) => hashOf(code.memoryAt(id, turn)));
    return this.memories[id];
  }

  private meaning({ ...draft }: Draft): string {
    const meaning = this.code().meaningOf(draft);
    if (meaning === undefined) return this.text(draft);
    const all = meaning.all.map((each) => {
      if (typeof each === 'string') return each;
      return each.place.kind === 'on' && !meaning.loop ? this.meaning(each) : this.text(each);
    });
    if (meaning.loop) all.sort();
    return `${draft.place.kind} ${all.join('\n')}`;
  }

  /** Of an object that stands for its content, without its number. */
  private text(value: unknown): string {
    if (typeof value === 'bigint') return value.toString(36);
    if (typeof value !== 'object' || value === null) return String(value);
    let text = this.parts.get(value);
    if (text !== undefined) return text;
    if (ArrayBuffer.isView(value) || value instanceof Set || Array.isArray(value))
      text = `[${Array.from(value as unknown as Iterable<unknown>, (each) => this.text(each))}]`;
    else {
      const fields = value instanceof Map ? [...value] : Object.entries(value);
      text = `{${fields.filter(([name]) => name !== 'id').map(([name, each]) => `${name}:${this.text(each)}`)}}`;
    }
    this.parts.set(value, text);
    return text;
  }
}

function hashOf(text: string): Hash {
  const digest = new Digest();
  digest.bytes(new TextEncoder().encode(text));
  const digits = digest.text();
  return [0, 8, 16, 24].map((at) => Number.parseInt(digits.slice(at, at + 8), 16)) as unknown as Hash;
}
