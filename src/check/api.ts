import { archiveMembers, isArchive } from '../binary/archive.js';
import { printable } from '../binary/printable.js';
import { type ReadOptions, readImage } from '../binary/read.js';
import { type CheckOptions, type CheckResult, checkImage } from './check.js';

/** What `check` takes: how to judge, and where a stripped file's symbols are. */
export interface CheckFileOptions extends CheckOptions, ReadOptions {}

/**
 * Checks the restartable sequences of a file given as bytes: an ELF file of any kind, or an archive, which gives one
 * result a member. Runs in Node and in a browser; reads nothing but `bytes`.
 *
 * Throws BinaryError (`message` is one line for the user) where the bytes are no such file, RangeError for an unknown
 * `options.kernel`.
 */
export function check(bytes: Uint8Array, name: string, options: CheckFileOptions = {}): CheckResult[] {
  if (!isArchive(bytes)) return [checkImage(readImage(bytes, name, options), options)];
  const results: CheckResult[] = [];
  for (const member of archiveMembers(bytes, name)) {
    // Archives hold other things too (indexes, LTO bitcode): only ELF members count.
    if (member.bytes[0] === 0x7f)
      results.push(checkImage(readImage(member.bytes, `${name}(${printable(member.name)})`), options));
  }
  return results;
}
