import { Digest } from './digest.js';
import type { Event, MemoryPiece } from './event.js';
import { type FieldType, fieldsOf } from './fields.js';

/**
 * The hash of a stream of events: MurmurHash3_x86_128 over time, cpu and tid (8 bytes each), the kind, and the fields of EVENT_FIELDS in their
 * order. Numbers have 8 bytes, little-endian; texts and lists begin with their length in 4 bytes; a field that is missing is the byte 0,
 * one that is there begins with the byte 1. Wording for people (`prose`) is left out.
 */
export class EventHash {
  private readonly digest = new Digest();
  /** Events so far. */
  count = 0;

  add(event: Event): void {
    const { digest } = this;
    digest.number(event.time);
    digest.number(event.cpu);
    digest.number(event.tid);
    this.string(event.kind);
    for (const [name, type] of fieldsOf(event.kind)) {
      const value = (event as unknown as Record<string, unknown>)[name];
      digest.byte(value === undefined ? 0 : 1);
      if (value !== undefined) this.field(type, value);
    }
    this.count++;
  }

  /** 32 hexadecimal digits. */
  text(): string {
    return this.digest.text();
  }

  private string(text: string): void {
    const { digest } = this;
    digest.word(text.length);
    for (let n = 0; n < text.length; n++) {
      const unit = text.charCodeAt(n);
      digest.byte(unit & 0xff);
      digest.byte(unit >> 8);
    }
  }

  private field(type: FieldType, value: unknown): void {
    const { digest } = this;
    switch (type) {
      case 'number':
        digest.number(value as number);
        return;
      case 'address':
      case 'value':
        digest.wide(value as bigint);
        return;
      case 'yes-no':
        digest.byte(value === true ? 1 : 0);
        return;
      case 'name':
        this.string(value as string);
        return;
      case 'names':
        digest.word((value as string[]).length);
        for (const name of value as string[]) this.string(name);
        return;
      case 'words':
        digest.word((value as bigint[]).length);
        for (const word of value as bigint[]) digest.wide(word);
        return;
      case 'bytes':
        digest.word((value as Uint8Array).length);
        digest.bytes(value as Uint8Array);
        return;
      case 'pieces':
        digest.word((value as MemoryPiece[]).length);
        for (const { address, bytes } of value as MemoryPiece[]) {
          digest.wide(address);
          digest.word(bytes.length);
          digest.bytes(bytes);
        }
        return;
      case 'prose':
        return;
    }
  }
}
