import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, posix, sep } from 'node:path';
import type { Host } from '../kernel/host.js';
import { reason } from '../node/reason.js';
import { UsageError } from './exit.js';
import { writeStream } from './output.js';
import { StandardInput } from './standard-input.js';

/** Text of the host as the simulated Linux has strings: one character a byte. */
export const toBytes = (text: string): string => Buffer.from(text).toString('latin1');
const fromBytes = (text: string): string => Buffer.from(text, 'latin1').toString();

/** Files that are larger are not there for the program, in bytes. */
const LARGEST = 2 ** 30;

/** A path that the program may read, and what is below it. */
interface Root {
  /** Where the program finds it: its working directory / stands for the user's. */
  readonly guest: string;
  /** Without symbolic links. */
  readonly real: string;
}

/** The path by which the program finds what the user calls `path`. */
export const guestPath = (path: string): string => posix.resolve('/', toBytes(path));

/** The real world: standard streams, and the files that --allow-read names. */
export class LiveHost implements Host {
  readonly input = new StandardInput();
  /** Whoever read the program's output has gone away (`| head`). */
  closed = false;
  private readonly roots: readonly Root[];

  /** `onOutput` is told before each piece. Throws UsageError for a path that is not there. */
  constructor(
    private readonly program: { readonly guest: string; readonly bytes: Uint8Array },
    allowRead: readonly string[],
    private readonly onOutput: () => void,
  ) {
    this.roots = allowRead.map((path) => ({ guest: guestPath(path), real: realOf(path) }));
  }

  read(size: number): Uint8Array {
    return this.input.read(size);
  }

  write(stream: 1 | 2, bytes: Uint8Array): void {
    this.onOutput();
    if (!writeStream(stream, bytes)) this.closed = true;
  }

  file(path: string): Uint8Array | undefined {
    if (path === this.program.guest) return this.program.bytes;
    return this.inside(path, (real) => {
      const stat = statSync(real);
      if (!stat.isFile() || stat.size > LARGEST) return undefined;
      const bytes = readFileSync(real);
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    });
  }

  directory(path: string): readonly string[] | undefined {
    return this.inside(path, (real) =>
      statSync(real).isDirectory() ? readdirSync(real).map(toBytes).sort() : undefined,
    );
  }

  /** What `look` says of the first root that has the path; a symbolic link that leads out of the root is not followed. */
  private inside<T>(path: string, look: (real: string) => T | undefined): T | undefined {
    for (const { guest, real } of this.roots) {
      const rest = below(path, guest, '/');
      if (rest === undefined) continue;
      try {
        const found = realpathSync(join(real, fromBytes(rest)));
        const result = below(found, real, sep) === undefined ? undefined : look(found);
        if (result !== undefined) return result;
      } catch {
        // Not there, or not readable for the user: not there for the program.
      }
    }
    return undefined;
  }
}

/** What is behind `root` in a path, or undefined where the path is not below it. */
function below(path: string, root: string, separator: string): string | undefined {
  if (path === root) return '';
  const start = root.endsWith(separator) ? root : root + separator;
  return path.startsWith(start) ? path.slice(start.length) : undefined;
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new UsageError(
      `--allow-read ${path}: ${reason(error)}${isAbsolute(path) ? '' : ' below this folder'}`,
    );
  }
}
