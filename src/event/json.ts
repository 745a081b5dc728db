import { hex } from '../abi/address.js';
import { toBase64 } from './base64.js';
import type { Event, MemoryPiece } from './event.js';
import { type FieldType, fieldsOf } from './fields.js';

/** First line of a trace in JSON Lines; each other line is one event. */
export const TRACE_SCHEMA = 'rseqlab.trace/1';

/** A byte sequence in JSON: as text where it is UTF-8, else in base 64. */
export type JsonBytes = { readonly text: string } | { readonly base64: string };

/**
 * An event for JSON.stringify: `n` (from 1), the stamp, the kind, its fields. Addresses are strings, `"0x4011c4"`; so is a signed value beyond
 * 2^53, in decimal.
 */
export function eventJson(event: Event, n: number): Record<string, unknown> {
  const fields = fieldsOf(event.kind).flatMap(([name, type]) => {
    const value = (event as unknown as Record<string, unknown>)[name];
    return value === undefined ? [] : [[name, fieldJson(type, value)]];
  });
  return {
    n,
    time: event.time,
    cpu: event.cpu,
    tid: event.tid,
    kind: event.kind,
    ...Object.fromEntries(fields),
  };
}

function fieldJson(type: FieldType, value: unknown): unknown {
  switch (type) {
    case 'address':
      return hex(BigInt.asUintN(64, value as bigint));
    case 'value': {
      const number = Number(value as bigint);
      return Number.isSafeInteger(number) ? number : `${value as bigint}`;
    }
    case 'words':
      return (value as bigint[]).map(hex);
    case 'bytes':
      return bytesJson(value as Uint8Array);
    case 'pieces':
      return (value as MemoryPiece[]).map(({ address, bytes }) => ({
        address: hex(address),
        base64: toBase64(bytes),
      }));
    default:
      return value;
  }
}

function bytesJson(bytes: Uint8Array): JsonBytes {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: toBase64(bytes) };
  }
}
