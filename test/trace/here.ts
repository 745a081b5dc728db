import { Unavailable } from '../../src/linux/errors.js';
import { unavailable } from '../../src/linux/libc.js';
import { PerfSource } from '../../src/live/trace/perf-source.js';

/** Why real processes cannot be traced here at all; why not by perf: the titles of what is skipped then. */
export const noPtrace = unavailable();
export const noPerf = noPtrace ?? perfReason();

function perfReason(): string | undefined {
  try {
    const options = { buffer: 1 << 16, updates: false, moves: false };
    new PerfSource({ kind: 'processes', pids: [process.pid] }, options).close();
    return undefined;
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

export const title = (text: string, reason: string | undefined): string =>
  reason === undefined ? text : `${text}: ${reason}`;
