import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decodeImage, ImageData } from '../../src/checkpoint/codec.js';
import type { PieceImage, ProcessImage } from '../../src/checkpoint/image.js';
import { unpackBlock } from '../../src/node/unpack-block.js';
import { ROOT } from '../cli/command.js';

export const COUNTERS = join(ROOT, 'examples/checkpoint/counters');
export const TWO = join(ROOT, 'examples/checkpoint/two');

/** An image written anew, otherwise; `memory` may change what its pieces hold. */
export function rewrite(
  from: string,
  to: string,
  change: (image: ProcessImage) => ProcessImage,
  memory: (bytes: Uint8Array, address: bigint) => Uint8Array = (bytes) => bytes,
): void {
  const { image, contents } = decodeImage(readFileSync(from), from, { unzip: unpackBlock });
  const data = new ImageData();
  const moved = <T extends { readonly pieces: readonly PieceImage[] }>(each: T): T => ({
    ...each,
    pieces: each.pieces.flatMap((piece) => data.add(piece.address, memory(contents(piece), piece.address))),
  });
  const maps = image.maps.map(moved);
  writeFileSync(to, Buffer.concat(data.encode(change({ ...image, maps }))));
}

/**
 * A shipped image (test/fixtures/checkpoint/build.sh), of the program where it is here: `counters`, which counts 4 times 4000, or `two`, with both threads in
 * their section.
 */
export function shippedImage(
  to: string,
  change: (image: ProcessImage) => ProcessImage = (image) => image,
  program = COUNTERS,
  name: 'counters' | 'two' = 'counters',
): string {
  rewrite(join(ROOT, `test/fixtures/checkpoint/${name}.img`), to, (image) =>
    change({
      ...image,
      executable: program,
      maps: image.maps.map((map) =>
        map.file?.path === `/srv/${name}`
          ? { ...map, name: program, file: { ...map.file, path: program } }
          : map,
      ),
    }),
  );
  return to;
}

/** As --keep-position takes it: threads inside a section stay there. */
export const keepingPosition = (image: ProcessImage): ProcessImage => ({
  ...image,
  threads: image.threads.map(({ section, stood, ...thread }) =>
    section === undefined
      ? thread
      : {
          ...thread,
          registers: { ...thread.registers, rip: section.ip },
          section: { ...section, aborted: false },
        },
  ),
});

/** Until a program has said a whole line: it may write that in pieces. */
export const firstLine = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    let said = '';
    child.stdout!.on('data', (part) => {
      said += part;
      if (said.includes('\n')) resolve();
    });
  });

/** A program of test/programs, unpacked into a folder. */
export function unpacked(library: 'glibc' | 'musl', folder: string): string {
  const path = join(folder, library);
  if (!existsSync(path))
    writeFileSync(path, gunzipSync(readFileSync(join(ROOT, `test/programs/${library}.gz`))), { mode: 0o755 });
  return path;
}
