import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeImage, ImageData, ImageError, isImage, type OpenImage } from '../checkpoint/codec.js';
import type { PieceImage, ProcessImage } from '../checkpoint/image.js';
import type { RecordedFile } from '../event/recording.js';
import { bytesText } from '../kernel/image/text.js';
import { reason } from './reason.js';
import { unpackBlock } from './unpack-block.js';

/** An image that the simulated machine goes on with. */
export interface ImageProgram {
  /** The image, as every part of us can read it; of one that was made from another, with what that holds. */
  readonly bytes: Uint8Array;
  /** Files of the host that the process has mapped or open, as far as they are there. */
  readonly files: readonly string[];
}

/** Undefined where the file is no image. Throws ImageError. */
export function imageProgram(path: string, bytes: Uint8Array): ImageProgram | undefined {
  if (!isImage(bytes)) return undefined;
  const open = withParents(path, bytes);
  const isPlain = open.parent === undefined && open.blocks.every(({ method }) => method === undefined);
  return { bytes: isPlain ? bytes : whole(open), files: filesOf(open.image) };
}

/** What these files hold, as far as they are regular and can be read. */
export const recordedFiles = ({ files }: ImageProgram): RecordedFile[] =>
  files.flatMap((path): RecordedFile[] => {
    try {
      if (!statSync(path).isFile()) return [];
      return [{ path: bytesText(path), kind: 'file', bytes: new Uint8Array(readFileSync(path)) }];
    } catch {
      return [];
    }
  });

function withParents(path: string, bytes: Uint8Array): OpenImage {
  return decodeImage(bytes, path, {
    unzip: unpackBlock,
    parent: (file) => {
      const at = join(dirname(path), file);
      try {
        return withParents(at, readFileSync(at));
      } catch (error) {
        if (error instanceof ImageError) throw error;
        throw new ImageError(`${path} needs ${at}, which holds some of its memory: ${reason(error)}`);
      }
    },
  });
}

/** The same without a parent, and in the form that can be unpacked everywhere. */
function whole({ image, contents }: OpenImage): Uint8Array {
  const data = new ImageData();
  const moved = <T extends { readonly pieces: readonly PieceImage[] }>(each: T): T => ({
    ...each,
    pieces: each.pieces.flatMap((piece) => data.add(piece.address, contents(piece))),
  });
  const parts = data.encode({
    ...image,
    maps: image.maps.map(moved),
    ...(image.pipes && { pipes: image.pipes.map(moved) }),
    ...(image.objects && { objects: image.objects.map(moved) }),
  });
  return Buffer.concat(parts);
}

function filesOf({ maps, files }: ProcessImage): string[] {
  const paths = new Set([
    ...maps.flatMap(({ file }) => (file === undefined ? [] : [file.path])),
    ...files.flatMap(({ kind, path }) => (kind === 'file' ? [path] : [])),
  ]);
  return [...paths].filter((path) => existsSync(path));
}
