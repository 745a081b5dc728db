/** The ring that the kernel writes records into (perf_event_open(2), MMAP layout). */
import { isErrno } from './errors.js';
import { addressOf, call, mapFile } from './libc.js';

const PAGE = 4096;
const PROT_READ_WRITE = 3;
/** Of struct perf_event_mmap_page, in words of 64 bits. */
const DATA_HEAD = 128;
const DATA_TAIL = 129;

/** A record that lies around a ring's end is put together here. */
const joined = new Uint8Array(1 << 16);
const joinedView = new DataView(joined.buffer);

/** A record where it lies: the header's fields, and a view of all of it. */
export type OnRecord = (type: number, misc: number, view: DataView, at: number, size: number) => void;

export class PerfRing {
  private readonly data: DataView;
  private readonly bytes: Uint8Array;
  private readonly words: BigUint64Array;
  private readonly size: number;
  /** Most bytes that have waited at once. */
  fullest = 0;

  /** Maps the ring of an event; `size` in bytes is a power of two pages and is halved where the kernel refuses to lock so much. Throws SystemError. */
  constructor(fd: number, size: number) {
    let map: Uint8Array | undefined;
    while (map === undefined) {
      try {
        map = mapFile(fd, PAGE + size, PROT_READ_WRITE);
      } catch (error) {
        if (!isErrno(error, 'EPERM', 'ENOMEM') || size <= 2 * PAGE) throw error;
        size /= 2;
      }
    }
    this.size = size;
    this.bytes = map.subarray(PAGE);
    this.data = new DataView(map.buffer, map.byteOffset + PAGE, size);
    this.words = new BigUint64Array(map.buffer, map.byteOffset, PAGE / 8);
  }

  get capacity(): number {
    return this.size;
  }

  /** Hands on what has been written since the last time, the first `most` bytes of it. True: there is more. */
  read(onRecord: OnRecord, most = Number.POSITIVE_INFINITY): boolean {
    // Atomics: the kernel writes the head after the records, and may write over what is before the tail.
    const head = Atomics.load(this.words, DATA_HEAD);
    let tail = Number(Atomics.load(this.words, DATA_TAIL));
    const written = Number(head);
    this.fullest = Math.max(this.fullest, written - tail);
    const end = Math.min(written, tail + most);
    const mask = this.size - 1;
    while (tail < end) {
      const at = tail & mask;
      const size = this.data.getUint16(at + 6, true);
      const type = this.data.getUint32(at, true);
      const misc = this.data.getUint16(at + 4, true);
      if (at + size <= this.size) onRecord(type, misc, this.data, at, size);
      else {
        const first = this.size - at;
        joined.set(this.bytes.subarray(at, this.size));
        joined.set(this.bytes.subarray(0, size - first), first);
        onRecord(type, misc, joinedView, 0, size);
      }
      tail += size;
    }
    Atomics.store(this.words, DATA_TAIL, BigInt(tail));
    return tail < written;
  }

  close(): void {
    call('munmap', addressOf(this.bytes) - BigInt(PAGE), PAGE + this.size);
  }
}
