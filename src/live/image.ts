/** A process in an image of `rseqlab checkpoint`, looked at without bringing it back. */
import { readSync, statSync } from 'node:fs';
import { decodeImage, type OpenImage } from '../checkpoint/codec.js';
import type { MapImage, PieceImage, ProcessImage, ThreadImage } from '../checkpoint/image.js';
import { Digest } from '../event/digest.js';
import { isErrno } from '../linux/errors.js';
import { auxvIn } from '../linux/procfs.js';
import { reason } from '../node/reason.js';
import type { MapView, Registers } from '../process/process.js';
import { openImageFile } from './checkpoint/open.js';
import type { Modules } from './modules.js';
import { readingOf } from './reading.js';
import { Refused } from './refused.js';
import { StoredMemory } from './stored.js';
import { callIn, type Target, type TargetThread } from './target.js';

const PAGE = 4096;
/** Of the contents of memory so many pieces are kept at hand, once they were asked for. */
const KEPT = 8;

export class ImageProcess implements Target {
  readonly kind = 'image';
  readonly architecture = 'x86-64';
  readonly image: ProcessImage;
  readonly auxv: ReadonlyMap<number, bigint>;
  readonly maps: readonly MapView[];
  private readonly memory: StoredMemory;
  private readonly own: Pieces;
  private readonly objects: readonly Pieces[];

  constructor(
    readonly opened: OpenImage,
    /** Of its file, or what it is of. */
    readonly path: string,
    /** Bytes on disk. */
    readonly size: number,
  ) {
    const { image, contents } = opened;
    this.image = image;
    this.maps = image.maps.map(viewOf);
    this.auxv = auxvIn(Buffer.from(image.layout.auxv, 'base64'));
    this.own = new Pieces(
      image.maps.flatMap(({ pieces }) => pieces),
      contents,
    );
    this.objects = (image.objects ?? []).map(({ pieces }) => new Pieces(pieces, contents));
    const byStart = new Map(image.maps.map((map) => [map.start, map]));
    const digests = new Map(image.maps.flatMap(({ file }) => (file ? [[file.path, file] as const] : [])));
    this.memory = new StoredMemory({
      maps: this.maps,
      page: (address, { start }) => {
        const { object, offset } = byStart.get(start)!;
        const own = this.own.page(address);
        return object === undefined
          ? own
          : (own ?? this.objects[object]!.page(address - start + BigInt(offset)));
      },
      behind: ({ start, name }) =>
        byStart.get(start)!.file !== undefined ? 'file' : KERNEL.includes(name) ? 'nothing' : 'zeros',
      isSame: (path, fd, size) => size === digests.get(path)?.size && digestOf(fd, size) === digests.get(path)?.digest, // biome-ignore format: one line
    });
  }

  /** Throws Refused. */
  static open(path: string): ImageProcess {
    let size: number;
    try {
      size = statSync(path).size;
    } catch (error) {
      throw new Refused(`cannot read ${path}: ${reason(error)}`);
    }
    try {
      return readingOf(path, () => new ImageProcess(openImageFile(path), path, size));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EACCES', 'EISDIR'))
        throw new Refused(`cannot read ${path}: ${reason(error)}`);
      throw error;
    }
  }

  /** One that was just made. */
  static ofBytes(bytes: Uint8Array, path: string): ImageProcess {
    return new ImageProcess(decodeImage(bytes, path), path, bytes.length);
  }

  close(): void {
    this.memory.close();
  }

  get pid(): number {
    return this.image.pid;
  }

  get name(): string {
    return this.image.threads[0]!.name;
  }

  get executable(): string {
    return this.image.executable;
  }

  get command(): readonly string[] {
    return this.image.command;
  }

  get modules(): Modules {
    return this.memory.modules;
  }

  get missing(): string[] {
    return this.memory.missing;
  }

  read(address: bigint, size: number): Uint8Array | undefined {
    const bytes = this.memory.read(address, size);
    // As it stood: what has run in the process since has cleared rseq_cs.
    for (const { rseq, area } of bytes === undefined ? [] : this.image.threads) {
      if (rseq === undefined || area === undefined) continue;
      const at = rseq.address - address;
      const own = Buffer.from(area, 'base64');
      if (at >= BigInt(size) || at + BigInt(own.length) <= 0n) continue;
      const [to, from] = at < 0n ? [0, Number(-at)] : [Number(at), 0];
      bytes!.set(own.subarray(from, from + size - to), to);
    }
    return bytes;
  }

  lacks(address: bigint): boolean {
    return this.memory.lacks(address);
  }

  threads(): TargetThread[] {
    return this.image.threads.map(threadOf);
  }
}

/** Contents of memory, unpacked when they are asked for. */
class Pieces {
  private readonly sorted: readonly PieceImage[];
  private readonly kept = new Map<PieceImage, Uint8Array>();

  constructor(
    pieces: readonly PieceImage[],
    private readonly contents: OpenImage['contents'],
  ) {
    this.sorted = [...pieces].sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** Undefined where none was stored. */
  page(address: bigint): Uint8Array | undefined {
    const piece = this.before(address);
    if (piece === undefined || address >= piece.address + BigInt(piece.size)) return undefined;
    let bytes = this.kept.get(piece);
    if (bytes === undefined) {
      bytes = this.contents(piece);
      if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value!);
      this.kept.set(piece, bytes);
    }
    const at = Number(address - piece.address);
    return bytes.subarray(at, at + PAGE);
  }

  /** The last piece that begins here or before. */
  private before(address: bigint): PieceImage | undefined {
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    return this.sorted[low - 1];
  }
}

/** Maps of the kernel that are not in the image. */
const KERNEL: readonly string[] = ['[vvar]', '[vvar_vclock]', '[vsyscall]', '[uprobes]'];

const viewOf = ({ start, end, protection, shared, offset, name }: MapImage): MapView => ({
  start,
  end,
  readable: protection[0] === 'r',
  writable: protection[1] === 'w',
  executable: protection[2] === 'x',
  shared,
  offset,
  name,
});

/** As a debugger would have seen it when it was stopped. */
export function stoodAt({ registers, stood, section }: ThreadImage): Readonly<Record<string, bigint>> {
  return { ...registers, ...(section && { rip: section.ip }), ...stood };
}

function threadOf(thread: ThreadImage): TargetThread {
  const stood = stoodAt(thread);
  const registers: Registers = { ip: stood['rip']!, sp: stood['rsp']!, values: Object.entries(stood) };
  return {
    tid: thread.tid,
    name: thread.name,
    state: 'image',
    cpu: undefined,
    call: callIn(registers),
    threadPointer: stood['fs_base'],
    registers,
    rseq: thread.rseq,
  };
}

function digestOf(fd: number, size: number): string {
  const digest = new Digest();
  const buffer = new Uint8Array(1 << 20);
  for (let at = 0; at < size; ) {
    const got = readSync(fd, buffer, 0, buffer.length, at);
    if (got === 0) break;
    digest.bytes(buffer.subarray(0, got));
    at += got;
  }
  return digest.text();
}
