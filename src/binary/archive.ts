import { BinaryError } from './error.js';

/** One file of an archive. */
export interface ArchiveMember {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
}

const text = new TextDecoder('latin1');
const HEADER = 60;

/** By its first eight bytes; a thin archive, which begins with others, is none. */
export const isArchive = (bytes: Uint8Array): boolean => text.decode(bytes.subarray(0, 8)) === '!<arch>\n';

/**
 * Members of an ar archive, GNU or BSD names (ar(5)); symbol tables are left out. Throws BinaryError for a
 * thin archive, which holds names only, and for a header that cannot be read.
 */
export function* archiveMembers(bytes: Uint8Array, archive: string): Generator<ArchiveMember> {
  if (text.decode(bytes.subarray(0, 8)) === '!<thin>\n') {
    throw new BinaryError(`${archive}: a thin archive holds names, not files; give the members themselves`);
  }
  let longNames = '';
  for (let at = 8; at < bytes.length; ) {
    if (at + HEADER > bytes.length)
      throw new BinaryError(
        `${archive}: truncated: it ends within the header of the member at offset ${at}; copy the file again`,
      );
    const header = text.decode(bytes.subarray(at, at + HEADER));
    if (!header.endsWith('`\n'))
      throw new BinaryError(`${archive}: damaged at offset ${at}: no archive member begins there`);
    const size = Number(header.slice(48, 58).trim());
    const body = at + HEADER;
    if (!Number.isInteger(size) || size < 0)
      throw new BinaryError(`${archive}: damaged at offset ${at}: the size of a member cannot be read`);
    if (body + size > bytes.length)
      throw new BinaryError(
        `${archive}: truncated: the member at offset ${at} reaches beyond the end; copy the file again`,
      );
    const raw = header.slice(0, 16).trimEnd();
    const content = bytes.subarray(body, body + size);
    at = body + size + (size % 2);
    if (raw === '/' || raw === '/SYM64/' || raw.startsWith('__.SYMDEF')) continue;
    if (raw === '//') {
      longNames = text.decode(content);
      continue;
    }
    yield member(raw, content, body, longNames);
  }
}

function member(raw: string, content: Uint8Array, offset: number, longNames: string): ArchiveMember {
  const long = /^\/(\d+)$/.exec(raw);
  if (long)
    return { name: longNames.slice(Number(long[1])).split(/\/?\n/, 1)[0] ?? raw, bytes: content, offset };
  const bsd = /^#1\/(\d+)$/.exec(raw);
  if (bsd) {
    const length = Math.min(Number(bsd[1]), content.length);
    return {
      name: text.decode(content.subarray(0, length)).replace(/\0+$/, ''),
      bytes: content.subarray(length),
      offset: offset + length,
    };
  }
  return { name: raw.replace(/\/$/, ''), bytes: content, offset };
}
