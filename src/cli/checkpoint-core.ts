/** `rseqlab checkpoint --format core`: an image is made, or there already, and becomes a core. */
import { closeSync, existsSync, rmSync } from 'node:fs';
import { isImage } from '../checkpoint/codec.js';
import { nameless } from '../linux/new-file.js';
import { writeCore } from '../live/checkpoint/core.js';
import type { CheckpointConfig } from '../live/checkpoint/jobs.js';
import { ImageProcess } from '../live/image.js';
import { headOf } from '../live/inspect/file.js';
import { readingOf } from '../live/reading.js';
import { Refused } from '../live/refused.js';
import { reason } from '../node/reason.js';

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

/** Closes the image. Throws Refused, Interrupted. */
export async function coreOf(target: ImageProcess, output: string): Promise<Made> {
  const interrupts = new Interrupts();
  try {
    const { size } = await readingOf(target.path, () => writeCore(target, output, () => interrupts.rest()));
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

/** Where `checkpoint` writes an image to. */
type Where = Pick<CheckpointConfig, 'file' | 'into'>;

/** The process stands still no longer than for its image; what `checkpoint` says of that, and the core's size. */
export async function coreOfProcess<T>(
  output: string,
  kill: boolean,
  checkpoint: (where: Where) => Promise<T>,
): Promise<readonly [T, number]> {
  return kill ? withNamed(output, checkpoint) : withNameless(output, checkpoint);
}

/** The image is for the core only: nothing is left of it, whatever happens. */
async function withNameless<T>(
  output: string,
  checkpoint: (where: Where) => Promise<T>,
): Promise<readonly [T, number]> {
  let fd: number;
  try {
    fd = nameless(output);
  } catch (error) {
    throw new Refused(`${output} cannot be written: ${reason(error)}; choose another place with -o`);
  }
  try {
    const done = await checkpoint({ file: output, into: `/proc/${process.pid}/fd/${fd}` });
    const { size } = await coreOf(ImageProcess.open(`/proc/self/fd/${fd}`), output);
    return [done, size];
  } finally {
    closeSync(fd);
  }
}

/** Nothing else is left of the process when it has ended: the image stays until the core is there. */
async function withNamed<T>(
  output: string,
  checkpoint: (where: Where) => Promise<T>,
): Promise<readonly [T, number]> {
  const image = `${output}.image.${process.pid}.tmp`;
  const done = await checkpoint({ file: image });
  try {
    const { size } = await coreOf(ImageProcess.open(image), output);
    rmSync(image, { force: true });
    return [done, size];
  } catch (error) {
    if (error instanceof Refused || error instanceof Interrupted)
      throw new Refused(`no core is made: ${error.message}; the process is kept as an image, ${image}`);
    throw error;
  }
}
