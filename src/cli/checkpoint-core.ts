/** `rseqlab checkpoint --format core`: an image is made, or there already, and becomes a core. */
import { rmSync } from 'node:fs';
import { writeCore } from '../live/checkpoint/core.js';
import { ImageProcess } from '../live/image.js';
import { readingOf } from '../live/reading.js';
import { Refused } from '../live/refused.js';

interface Made {
  /** Bytes. */
  readonly size: number;
  readonly pid: number;
  readonly threads: number;
}

/** Throws Refused. */
export function coreOf(image: string, output: string): Made {
  const target = ImageProcess.open(image);
  try {
    return readingOf(image, () => ({
      ...writeCore(target, output),
      pid: target.pid,
      threads: target.image.threads.length,
    }));
  } finally {
    target.close();
  }
}

/** The process stands still no longer than for its image; what `checkpoint` says of that, and the core's size. */
export async function coreOfProcess<T>(
  output: string,
  kill: boolean,
  checkpoint: (file: string) => Promise<T>,
): Promise<readonly [T, number]> {
  const image = `${output}.image.${process.pid}.tmp`;
  const done = await checkpoint(image);
  try {
    const { size } = coreOf(image, output);
    rmSync(image, { force: true });
    return [done, size];
  } catch (error) {
    // Nothing else is left of the process.
    if (kill && error instanceof Refused)
      throw new Refused(`${error.message}; the process is kept as an image: ${image}`);
    rmSync(image, { force: true });
    throw error;
  }
}
