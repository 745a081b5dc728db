/** A moment of a recorded run. */
export interface RecordedPoint {
  /** The recording, base64. */
  readonly recording: string;
  /** The last event before it, as `rseqlab replay --list` counts. */
  readonly event: number;
  /** Nanoseconds since boot: this far the recording is run again. */
  readonly clock: number;
  /** Where threads register struct rseq, by thread, also those that have not done so yet. */
  readonly areas: readonly (readonly [tid: number, pointer: number, length: number])[];
}
