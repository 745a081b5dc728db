/** Many small files of one folder (of /proc), read in one native call. */
import { closeSync, constants, openSync } from 'node:fs';
import { ERRNO } from '../abi/errno.js';
import { at, Batch, call, end, jump, label, set, when } from './batch.js';
import { isErrno, SystemError } from './errors.js';

/** Files a round, and bytes of a name and of a file: longer files are cut off, which those of /proc/PID/task never are. */
const ROUND = 512;
const NAME = 32;
const CONTENT = 1024;

interface Reader {
  /** Names, and what was read: size, or -errno, of each, and its bytes. */
  readonly names: Buffer;
  readonly sizes: DataView;
  readonly contents: Buffer;
  run(folder: number, files: number): void;
}

let reader: Reader | undefined;

function makeReader(): Reader {
  const batch = new Batch(ROUND * (NAME + 8 + CONTENT) + 4096);
  const [names, sizes, contents] = [NAME, 8, CONTENT].map((size) => batch.room(ROUND * size)) as [
    Room,
    Room,
    Room,
  ];
  const [folder, last, name, size, content, file, got] = Array.from({ length: 7 }, () =>
    batch.cell(),
  ) as Cells;
  const program = batch.program([
    set(name, names.address),
    set(size, sizes.address),
    set(content, contents.address),
    label('next'),
    when(name, '=', last, 'over'),
    call(file, 'openat', folder, name, constants.O_RDONLY, 0),
    set(at(size), file),
    when(file, '<', 0, 'closed'),
    call(got, 'read', file, content, CONTENT),
    set(at(size), got),
    call(got, 'close', file),
    label('closed'),
    set(name, name, NAME),
    set(size, size, 8),
    set(content, content, CONTENT),
    jump('next'),
    label('over'),
    end(),
  ]);
  const bytes = ({ bytes }: Room): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    names: bytes(names),
    sizes: new DataView(sizes.bytes.buffer, sizes.bytes.byteOffset, sizes.bytes.byteLength),
    contents: bytes(contents),
    run: (fd, files) => {
      folder.set(fd);
      last.set(names.address + BigInt(files * NAME));
      program();
    },
  };
}
type Room = ReturnType<Batch['room']>;
type Cell = ReturnType<Batch['cell']>;
type Cells = [Cell, Cell, Cell, Cell, Cell, Cell, Cell];

const GONE = [-ERRNO.ENOENT, -ERRNO.ESRCH];

/** The text of each file, by its name in the folder; undefined for what is gone. Throws SystemError: EACCES, EPERM. */
export function readTogether(folder: string, files: readonly string[]): (string | undefined)[] {
  reader ??= makeReader();
  const { names, sizes, contents, run } = reader;
  let fd: number;
  try {
    fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return files.map(() => undefined);
    throw error;
  }
  const texts: (string | undefined)[] = [];
  try {
    for (let first = 0; first < files.length; first += ROUND) {
      const round = files.slice(first, first + ROUND);
      for (const [index, file] of round.entries())
        names[index * NAME + names.write(file, index * NAME, NAME - 1, 'latin1')] = 0;
      run(fd, round.length);
      for (let index = 0; index < round.length; index++) {
        const size = sizes.getInt32(8 * index, true);
        if (size < 0 && !GONE.includes(size)) throw new SystemError(`${folder}/${round[index]}`, -size);
        texts.push(
          size < 0 ? undefined : contents.toString('latin1', index * CONTENT, index * CONTENT + size),
        );
      }
    }
  } finally {
    closeSync(fd);
  }
  return texts;
}
