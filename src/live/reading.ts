import { ImageError } from '../checkpoint/codec.js';
import { CriuError } from '../checkpoint/criu/message.js';
import { Refused } from './refused.js';

/** Whoever has a file that is damaged hears of it in one line; also where it is right by its digest and holds nonsense. Throws Refused. */
export function readingOf<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (error instanceof ImageError || error instanceof CriuError) throw new Refused(error.message);
    if (!(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError))
      throw error;
    throw new Refused(`${path} is damaged: it does not say what such a file says; use another copy of it`);
  }
}
