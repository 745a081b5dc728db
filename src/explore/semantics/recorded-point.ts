/** A moment of a recorded run. */
export interface RecordedPoint {
  /** The recording, base64. */
  readonly recording: string;
  /** The last event before it, as `rseqlab replay --list` counts; 0: as the image begins that was recorded. */
  readonly event: number;
  /** Nanoseconds since boot: this far the recording is run again. */
  readonly clock: number;
  /** Where threads register struct rseq, by thread, also those that have not done so yet. */
  readonly areas: readonly (readonly [tid: number, pointer: number, length: number])[];
}

/** What a moment is called. */
export const startName = (event: number): string => (event === 0 ? 'from the image' : `from event ${event}`);
