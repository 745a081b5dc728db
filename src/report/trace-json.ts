import { hex } from '../abi/address.js';
import { eventJson, TRACE_SCHEMA } from '../event/json.js';
import type { CodePlace, Observed } from '../event/observed.js';

/** First line of a trace of real processes in JSON Lines; each other line is one event, as `run --trace` writes them, and with more. */
export const traceHead = (version: string, source: string): string =>
  `${JSON.stringify({ schema: TRACE_SCHEMA, version, source })}\n`;

/** Last line: how many records there was no room for. */
export const traceTail = (lost: number): string => `${JSON.stringify({ lost })}\n`;

/**
 * Behind the fields of the event: `process` (its id) and `comm`; of an abort `section`, `at` (see placeJson), `guess`, `by`, `lost` (nanoseconds); of a call
 * that has come back `reason` of its error and `age` (nanoseconds between the call and the reading of its memory).
 */
export function traceJson({ event, process, abort, call }: Observed, n: number): string {
  return `${JSON.stringify({
    ...eventJson(event, n),
    process: process.pid,
    comm: process.name,
    ...(abort && {
      section: placeJson(abort.section),
      at: placeJson(abort.at),
      guess: abort.guess,
      by: abort.by,
      lost: abort.lost,
    }),
    ...(call && { reason: call.reason, age: call.age }),
  })}\n`;
}

/** An address in its file, with what is known of it. */
export const placeJson = ({ file, inFile, function: name, offset, source, instruction }: CodePlace) => ({
  file: file ?? null,
  address: hex(inFile),
  function: name ?? null,
  offset,
  source: source ?? null,
  instruction: instruction ?? null,
});
