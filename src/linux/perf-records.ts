/** Records in perf's rings (perf_event_open(2), "MMAP layout"; include/uapi/linux/perf_event.h). */
import { SAMPLE } from './perf.js';

export const PERF_RECORD = {
  MMAP: 1,
  LOST: 2,
  COMM: 3,
  EXIT: 4,
  FORK: 7,
  SAMPLE: 9,
  MMAP2: 10,
  LOST_SAMPLES: 13,
  SWITCH: 14,
  SWITCH_CPU_WIDE: 15,
} as const;

/** What the records of tracepoints hold, and in this order; all other records end with the first three (sample_id_all). */
export const TRACEPOINT_SAMPLE = SAMPLE.TID | SAMPLE.TIME | SAMPLE.CPU | SAMPLE.RAW;

export interface RecordStamp {
  readonly pid: number;
  readonly tid: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly time: number;
  readonly cpu: number;
}

/**
 * The same with the way in the kernel that led there, and where the thread stands in its program. Where the others have the tracepoint's number, this has
 * zero: the upper half of the number of addresses.
 */
export const CHAIN_SAMPLE = TRACEPOINT_SAMPLE | SAMPLE.CALLCHAIN | SAMPLE.REGS_USER;

/** Bytes in front of the tracepoint's own: header, TID, TIME, CPU, size. */
export const RAW_OFFSET = 8 + 8 + 8 + 8 + 4;

/** Of another record, which ends at `end`. */
export const readSampleId = (view: DataView, end: number): RecordStamp => stampAt(view, end - 24);

const stampAt = (view: DataView, at: number): RecordStamp => ({
  pid: view.getInt32(at, true),
  tid: view.getInt32(at + 4, true),
  time: view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 2 ** 32,
  cpu: view.getUint32(at + 16, true),
});
