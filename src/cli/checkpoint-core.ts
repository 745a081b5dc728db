/** `rseqlab checkpoint --format core`: an image is made, or there already, and becomes a core. */
import { existsSync, rmSync } from 'node:fs';
import { isImage } from '../checkpoint/codec.js';
import { writeCore } from '../live/checkpoint/core.js';
import { ImageProcess } from '../live/image.js';
import { headOf } from '../live/inspect/file.js';
import { readingOf } from '../live/reading.js';
import { Refused } from '../live/refused.js';

/** What is not there counts as one: whoever reads it says why not. */
export const isImageFile = (path: string): boolean =>
  !existsSync(path) ? !path.includes('@') : isImage(headOf(path));

interface Made {
  /** Bytes. */
  readonly size: number;
  readonly pid: number;
  readonly threads: number;
}

/** Ctrl-C, or a polite kill, while a core was written: it is not there. */
export class Interrupted extends Error {
  constructor(
    /** Of the shell. */
    readonly status: number,
  ) {
    super('interrupted');
  }
}

/** Throws Refused, Interrupted. */
export async function coreOf(image: string, output: string): Promise<Made> {
  const target = ImageProcess.open(image);
  const interrupts = new Interrupts();
  try {
    const { size } = await readingOf(image, () => writeCore(target, output, () => interrupts.rest()));
    return { size, pid: target.pid, threads: target.image.threads.length };
  } finally {
    interrupts.end();
    target.close();
  }
}

const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Name = keyof typeof STATUS;

class Interrupts {
  private name: Name | undefined;
  private readonly note = (name: NodeJS.Signals): void => {
    this.name = name as Name;
  };

  constructor() {
    for (const name of Object.keys(STATUS)) process.on(name, this.note);
  }

  /** Signals are heard of here. Throws Interrupted. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.name !== undefined) throw new Interrupted(STATUS[this.name]);
  }

  end(): void {
    for (const name of Object.keys(STATUS)) process.off(name, this.note);
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
    const { size } = await coreOf(image, output);
    rmSync(image, { force: true });
    return [done, size];
  } catch (error) {
    // Nothing else is left of the process.
    if (kill && (error instanceof Refused || error instanceof Interrupted))
      throw new Refused(`no core is made: ${error.message}; the process is kept as an image, ${image}`);
    rmSync(image, { force: true });
    throw error;
  }
}
