/** What the tracer process and the tool tell each other: lines of JSON, 64-bit numbers as `{"$": "4198400"}`, bytes in base 64. */
import type { MemoryPiece } from '../../event/event.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { Fact } from './facts.js';

/** What the tracer is to do. */
export interface TracerTask {
  /** A command to start; undefined: these processes. */
  readonly args?: readonly string[];
  readonly pids?: readonly number[];
}

export type TracerMessage =
  | { readonly kind: 'ready'; readonly pid?: number }
  /** It could not begin: one line, and whether it is a matter of permission. */
  | { readonly kind: 'failed'; readonly text: string; readonly refused: boolean }
  /** What a thread has registered before it was watched. */
  | {
      readonly kind: 'has';
      readonly pid: number;
      readonly tid: number;
      readonly configuration?: RseqConfiguration;
    }
  /** A call begins, with the memory that it finds. */
  | { readonly kind: 'fact'; readonly fact: Fact; readonly data?: readonly MemoryPiece[] }
  | { readonly kind: 'ended'; readonly pid: number; readonly status: number }
  /** Nobody is left. */
  | { readonly kind: 'deserted' };

export const encodeMessage = (message: TracerMessage): string =>
  `${JSON.stringify(message, (_, value: unknown) => {
    if (typeof value === 'bigint') return { $: `${value}` };
    if (value instanceof Uint8Array) return { bytes$: Buffer.from(value).toString('base64') };
    return value;
  })}\n`;

export const decodeMessage = (line: string): TracerMessage =>
  JSON.parse(line, (_, value: unknown) => {
    const marked = value as { $?: string; bytes$?: string } | null;
    if (typeof marked?.$ === 'string') return BigInt(marked.$);
    if (typeof marked?.bytes$ === 'string') return new Uint8Array(Buffer.from(marked.bytes$, 'base64'));
    return value;
  }) as TracerMessage;
