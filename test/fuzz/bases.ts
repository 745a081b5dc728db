import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Base } from './mutator.js';

/** The undamaged files: every object of the corpus, linked files, an archive, and objects of other architectures. */
export function readBases(test: string): Base[] {
  const folders = ['corpus/build', 'corpus/linked', 'fixtures/cli/arch'];
  return folders
    .flatMap((folder) =>
      readdirSync(join(test, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => !/\.(s|sh|json|expect)$/.test(name) && /\.[a-z]+$|^[a-z0-9-]+$/.test(name))
        .map((name) => join(test, folder, name)),
    )
    .sort()
    .flatMap((path) => {
      const bytes = read(path);
      const usable = bytes !== undefined && (bytes[0] === 0x7f || bytes[0] === 0x21);
      return usable ? [{ name: relative(test, path), bytes }] : [];
    });
}

function read(path: string): Uint8Array | undefined {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    // A folder.
    return undefined;
  }
}
