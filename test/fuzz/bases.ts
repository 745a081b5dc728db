import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Base } from './mutator.js';

/** Folders below test/, and how many times each file counts: a linked file holds more tables than an object. */
const FOLDERS = [
  ['corpus/build', 1],
  ['corpus/linked', 8],
  ['fixtures/cli/arch', 4],
] as const;

/** The undamaged files: every object of the corpus, linked files, an archive, and objects of other architectures. */
export function readBases(test: string): Base[] {
  return FOLDERS.flatMap(([folder, times]) =>
    readdirSync(join(test, folder), { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => join(test, folder, name))
      .filter((path) => statSync(path).isFile())
      .map((path) => ({ name: relative(test, path), bytes: new Uint8Array(readFileSync(path)) }))
      .filter(({ bytes }) => bytes[0] === 0x7f || (bytes[0] === 0x21 && bytes[1] === 0x3c))
      .flatMap((base) => Array<Base>(times).fill(base)),
  );
}
