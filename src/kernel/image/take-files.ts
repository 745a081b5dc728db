import { joined } from '../../abi/bytes.js';
import type { ImageData } from '../../checkpoint/codec.js';
import type { FileImage, PipeImage, SharedImage } from '../../checkpoint/image.js';
import { PAGE_SIZE } from '../../machine/state.js';
import type { OpenFile, Pipe, RegularNode } from '../files/file.js';
import { O } from '../files/flags.js';
import type { Kernel } from '../kernel.js';
import { contentOf } from '../mm/coherence.js';
import type { MemoryObject } from '../mm/object.js';
import { ProgramError } from '../program-error.js';
import type { FileTable } from '../state.js';
import type { TakeSettings } from './take-settings.js';
import { textOf } from './text.js';

const MEMFD = /^\/memfd:(.*) \(deleted\)$/s;
const ANONYMOUS = '/dev/zero (deleted)';

/** Memory that several maps and descriptors share. */
export class Objects {
  private readonly found: MemoryObject[] = [];

  constructor(
    readonly kernel: Kernel,
    private readonly table: FileTable,
  ) {}

  indexOf(object: MemoryObject): number {
    const known = this.found.indexOf(object);
    return known !== -1 ? known : this.found.push(object) - 1;
  }

  capture(data: ImageData): SharedImage[] {
    return this.found.map((object) => {
      const { size, pages } = object;
      const name = MEMFD.exec(object.name)?.[1];
      if (name === undefined && object.name !== ANONYMOUS)
        throw new ProgramError(`it has ${textOf(object.name)}, a file in the memory of the simulation`);
      const node = this.nodeOf(object);
      const pieces = [...pages.keys()]
        .sort((a, b) => a - b)
        .flatMap((index) => {
          const bytes = contentOf(this.kernel, object, index).slice(0, size - index * PAGE_SIZE);
          return data.add(BigInt(index * PAGE_SIZE), bytes);
        });
      return {
        kind: name === undefined ? ('anonymous' as const) : ('memfd' as const),
        name: textOf(name ?? ''),
        size,
        ...(node && { seals: node.seals, mode: node.facts.mode & 0o7777 }),
        pieces,
      };
    });
  }

  private nodeOf(object: MemoryObject): RegularNode | undefined {
    for (const descriptor of this.table.descriptors) {
      const inode = descriptor?.file.inode;
      if (inode?.kind === 'regular' && inode.object === object) return inode;
    }
    return undefined;
  }
}

const DEVICE_PATHS = {
  null: '/dev/null',
  zero: '/dev/zero',
  full: '/dev/full',
  random: '/dev/urandom',
} as const;

/** The descriptors. Throws ProgramError, which names one that cannot be kept. */
export function takeFiles(
  { descriptors }: FileTable,
  data: ImageData,
  objects: Objects,
  settings: TakeSettings,
): { files: FileImage[]; pipes: PipeImage[] } {
  const pipes: Pipe[] = [];
  const first = new Map<OpenFile, number>();
  const files: FileImage[] = [];
  for (const [fd, descriptor] of descriptors.entries()) {
    if (descriptor === undefined) continue;
    const { file, closeOnExec } = descriptor;
    const flags = file.flags | (closeOnExec ? O.CLOEXEC : 0);
    const same = files.find((each) => each.fd === first.get(file));
    if (same !== undefined) {
      files.push({ ...same, fd, flags, same: same.fd });
      continue;
    }
    first.set(file, fd);
    files.push({ fd, flags, position: file.offset, ...kindOf(fd, file, pipes, objects, settings) });
  }
  return {
    files,
    pipes: pipes.map(({ capacity, chunks }) => ({ capacity, pieces: data.add(0n, joined(chunks)) })),
  };
}

function kindOf(
  fd: number,
  { inode, path }: OpenFile,
  pipes: Pipe[],
  objects: Objects,
  settings: TakeSettings,
): Pick<FileImage, 'kind' | 'path'> & Partial<FileImage> {
  const no = (): never => {
    throw new ProgramError(
      `its descriptor ${fd} is ${textOf(path)}, which is there in the simulation only; choose an event where it is not open`,
    );
  };
  switch (inode.kind) {
    case 'stream':
      // A copy of a standard stream is kept where the stream itself is still open.
      return fd <= 2 ? { kind: 'stream', path } : no();
    case 'pipe': {
      const known = pipes.indexOf(inode.pipe);
      const index = known !== -1 ? known : pipes.push(inode.pipe) - 1;
      return { kind: 'pipe', path, index };
    }
    case 'event':
      return { kind: 'eventfd', path, count: inode.count, semaphore: inode.semaphore };
    case 'regular': {
      const { object } = inode;
      if (object.constant) {
        const bytes = objects.kernel.contents.get(object.initial!)!;
        return { kind: 'file', path: settings.file(path, bytes), size: bytes.length };
      }
      return MEMFD.test(object.name) ? { kind: 'memfd', path, index: objects.indexOf(object) } : no();
    }
    case 'null':
    case 'zero':
    case 'full':
    case 'random':
      return { kind: 'file', path: DEVICE_PATHS[inode.kind] };
    default:
      return no();
  }
}
