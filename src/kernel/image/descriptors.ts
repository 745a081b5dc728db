import type { OpenImage } from '../../checkpoint/codec.js';
import type { FileImage, PipeImage } from '../../checkpoint/image.js';
import type { Inode, Pipe } from '../files/file.js';
import { O } from '../files/flags.js';
import { directoryEntries } from '../files/listing.js';
import { DEVICES, keepFile } from '../files/lookup.js';
import { newPipe } from '../files/pipe.js';
import { newFile, setDescriptor } from '../files/table.js';
import { newRegular } from '../files/tree.js';
import type { Kernel } from '../kernel.js';
import type { MemoryObject } from '../mm/object.js';
import type { Task } from '../state.js';
import { bytesText } from './text.js';

type No = (why: string) => never;

/** The descriptors. 0, 1 and 2 are the streams of whoever runs the simulation, whatever they were, but for files to be read. */
export function openFiles(
  kernel: Kernel,
  task: Task,
  open: OpenImage,
  objects: readonly MemoryObject[],
  no: No,
): void {
  const { image } = open;
  const pipes = (image.pipes ?? []).map((pipe) => pipeOf(kernel, open, pipe));
  for (const each of image.files) {
    const { fd, flags, position, same } = each;
    const closeOnExec = (flags & O.CLOEXEC) !== 0;
    if (same !== undefined) {
      setDescriptor(task.files, fd, { file: task.files.descriptors[same]!.file, closeOnExec });
      continue;
    }
    const inode = inodeOf(kernel, open, each, pipes, objects, no);
    const file = newFile(
      kernel,
      inode,
      flags & ~O.CLOEXEC,
      inode.kind === 'stream' ? `pipe:[${fd + 1}]` : bytesText(each.path),
    );
    file.offset = inode.kind === 'stream' ? 0 : position;
    setDescriptor(task.files, fd, { file, closeOnExec });
  }
}

function pipeOf(kernel: Kernel, { contents }: OpenImage, { capacity, pieces }: PipeImage): Pipe {
  const chunks = pieces.map((piece) => contents(piece).slice());
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  return Object.assign(newPipe(kernel), { chunks, size, capacity, readers: 0, writers: 0 });
}

function inodeOf(
  kernel: Kernel,
  { image }: OpenImage,
  file: FileImage,
  pipes: readonly Pipe[],
  objects: readonly MemoryObject[],
  no: No,
): Inode {
  const { fd, kind, flags, index, path } = file;
  const writes = (flags & O.ACCMODE) !== 0;
  switch (kind) {
    case 'pipe': {
      const pipe = pipes[index!]!;
      if (writes) pipe.writers++;
      else pipe.readers++;
      return { kind: 'pipe', pipe, end: writes ? 'write' : 'read' };
    }
    case 'eventfd':
      return {
        kind: 'event',
        id: kernel.state.nextId++,
        count: file.count ?? 0n,
        semaphore: file.semaphore === true,
      };
    case 'memfd': {
      const { mode = 0o777, seals = 0 } = image.objects![index!]!;
      const node = newRegular(kernel, mode & 0o7777, objects[index!]!);
      node.seals = seals;
      node.facts.links = 0;
      return node;
    }
    case 'stream':
      return { kind: 'stream', stream: fd as 0 | 1 | 2 };
    default:
      return opened(kernel, fd, path, writes, no);
  }
}

/** What is opened again by its path. */
function opened(kernel: Kernel, fd: number, path: string, writes: boolean, no: No): Inode {
  const name = bytesText(path);
  const device = DEVICES[name];
  if (device !== undefined) return { kind: device };
  if (fd <= 2 && writes) return { kind: 'stream', stream: fd as 0 | 1 | 2 };
  const known = kernel.state.hostFiles.get(name);
  if (known?.kind === 'regular' && !writes) return known;
  const bytes = kernel.host.file(name);
  if (bytes !== undefined) {
    if (writes) no(`its descriptor ${fd} writes into ${path}, and the machine writes no files of the host`);
    return keepFile(kernel, name, bytes);
  }
  const entries = directoryEntries(kernel, name);
  return entries === undefined
    ? no(`${path}, which the process has open as ${fd}, is not there, or cannot be read`)
    : { kind: 'listing', entries };
}
