import { ImageError } from '../checkpoint/codec.js';
import { CriuError } from '../checkpoint/criu/message.js';
import { Refused } from './refused.js';

/** Whoever has a file that is damaged hears of it in one line; also where it is right by its digest and holds nonsense. Throws Refused. */
export function readingOf<T>(path: string, use: () => T): T {
  try {
    const made = use();
    return made instanceof Promise ? (made.catch((error) => refuse(path, error)) as T) : made;
  } catch (error) {
    return refuse(path, error);
  }
}

function refuse(path: string, error: unknown): never {
  if (error instanceof ImageError || error instanceof CriuError) throw new Refused(error.message);
  if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError))
    throw error;
  throw new Refused(`${path} is damaged: it does not say what such a file says; use another copy of it`);
}
