import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import { debugLink } from '../binary/debug-link.js';
import { readHeaders } from '../binary/headers.js';

/** Where distributions install them. */
export const DEBUG_DIRECTORY = '/usr/lib/debug';

/**
 * The debug file of a stripped program, found as gdb finds it: by build ID, else by the name in .gnu_debuglink beside the program, in
 * .debug below, or under the debug directory; one found by name must have the CRC that the program says.
 */
export function debugFile(bytes: Uint8Array, path: string, directory: string): Uint8Array | undefined {
  const { buildId, file } = debugLink(readHeaders(bytes, path, []));
  const folder = dirname(resolve(path));
  if (buildId !== undefined) {
    const found = read(join(directory, '.build-id', buildId.slice(0, 2), `${buildId.slice(2)}.debug`));
    if (found !== undefined) return found;
  }
  if (file === undefined) return undefined;
  for (const place of [folder, join(folder, '.debug'), join(directory, folder)]) {
    const found = read(join(place, file.name));
    if (found !== undefined && crc32(found) === file.crc) return found;
  }
  return undefined;
}

function read(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
