import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ImageData, isImage } from '../checkpoint/codec.js';
import type { ProcessImage } from '../checkpoint/image.js';
import { type Recording, RecordingError, readRecording } from '../event/recording.js';
import { ExploreError } from '../explore/options.js';
import { recordedPoint } from '../explore/started.js';
import { takeImage } from '../kernel/image/take.js';
import { textOf } from '../kernel/image/text.js';
import { ProgramError } from '../kernel/program-error.js';
import { run } from '../kernel/run.js';
import { restart } from '../kernel/session.js';
import { reason } from '../node/reason.js';
import { VERSION } from '../node/version.js';
import { UsageError } from './exit.js';
import { recordedMoment } from './run-options.js';

export interface RecordedImage {
  readonly bytes: Uint8Array;
  readonly image: ProcessImage;
  /** It is what is there behind that event. */
  readonly event: number;
}

/** The simulated process of a recording, at a moment of it, as an image. Throws UsageError. */
export function imageOfRecording(asked: string, keepPosition: boolean): RecordedImage {
  const { recording: name, at } = recordedMoment('checkpoint', asked);
  try {
    const recording = readRecording(bytesOf(name), name);
    const { event, clock } = recordedPoint(recording, name, at);
    const data = new ImageData();
    const image = imageAt(recording, event, clock, keepPosition, data);
    return { bytes: Buffer.concat(data.encode(image)), image, event };
  } catch (error) {
    if (error instanceof ProgramError) throw new UsageError(`cannot checkpoint ${asked}: ${error.message}`);
    if (error instanceof RecordingError || error instanceof ExploreError) throw new UsageError(error.message);
    throw error;
  }
}

function bytesOf(name: string): Uint8Array {
  try {
    const bytes = new Uint8Array(readFileSync(name));
    if (isImage(bytes))
      throw new UsageError(
        `${name} is no number of a process; an image can be made a core, with --format core`,
      );
    return bytes;
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${name} is no number of a process, and cannot be read as a recording: ${reason(error)}; give a process, or what rseqlab run --record has written`,
    );
  }
}

function imageAt(
  recording: Recording,
  event: number,
  clock: number,
  keepPosition: boolean,
  data: ImageData,
): ProcessImage {
  const kernel = restart(recording, () => {});
  kernel.horizon.clock = clock;
  const { kind } = run(kernel, Number.POSITIVE_INFINITY);
  if (kind === 'input')
    throw new ProgramError(`at event ${event} the program waits for standard input; choose an earlier event`);
  if (kind !== 'horizon')
    throw new ProgramError(`at event ${event} the run is over; choose an earlier event`);
  // The folder where rseqlab is run stands for /, but a real process has the paths that there are.
  const real = isImage(recording.program.bytes);
  return takeImage(kernel, data, {
    version: VERSION,
    taken: Math.floor(Date.now() / 1000),
    keepPosition,
    file: (path, bytes) => placeOf(textOf(path), bytes, real),
    directory: (path) => (real ? textOf(path) : resolve(`.${textOf(path)}`)),
  });
}

function placeOf(path: string, bytes: Uint8Array, real: boolean): string {
  const places = real ? [path] : [resolve(`.${path}`), path];
  const found = places.find((place) => {
    try {
      return Buffer.compare(readFileSync(place), bytes) === 0;
    } catch {
      return false;
    }
  });
  if (found === undefined)
    throw new ProgramError(
      `${path}, which it has mapped or open, is not ${real ? 'there' : 'below this folder'} as it was when it was recorded; ${real ? 'put it back' : 'do it in the folder where that was done'}`,
    );
  return found;
}
