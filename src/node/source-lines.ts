import { readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { SourceLines } from '../explore/source.js';

/** Source files as the line table names them, or else beside the object. */
export function sourceLines(object: string): SourceLines {
  const known = new Map<string, readonly string[] | undefined>();
  return (file) => {
    if (!known.has(file))
      known.set(
        file,
        linesOf([
          isAbsolute(file) ? file : join(dirname(object), file),
          file,
          join(dirname(object), basename(file)),
        ]),
      );
    return known.get(file);
  };
}

function linesOf(places: readonly string[]): readonly string[] | undefined {
  for (const place of places) {
    try {
      return readFileSync(place, 'utf8').split('\n');
    } catch {
      // Elsewhere, or nowhere: then there is no text.
    }
  }
  return undefined;
}
