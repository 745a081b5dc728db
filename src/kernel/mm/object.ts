/** Memory that several mappings can show: a file in memory, or shared anonymous memory (struct address_space). Plain data. */
export interface MemoryObject {
  readonly id: number;
  /** Bytes; pages beyond are SIGBUS. */
  size: number;
  /** As /proc/PID/maps prints it. */
  readonly name: string;
  /** What pages hold that were never written: a number in Kernel.contents. Undefined: zeros. */
  readonly initial: number | undefined;
  /** Nobody can write it (a file of the host), so that nobody's copy is ever out of date. */
  readonly constant: boolean;
  /** Pages by their number in the file, of those that were touched. */
  readonly pages: Map<number, ObjectPage>;
}

/**
 * One page, which each address space that shows it has a copy of. Either one copy may be written, and is the truth, or `content` is the truth
 * and all copies are like it.
 */
export interface ObjectPage {
  readonly content: Uint8Array;
  writer: PagePlace | undefined;
  readers: PagePlace[];
}

/** A page of an address space: Mm.id, address / 4096. */
export interface PagePlace {
  readonly mm: number;
  readonly page: number;
}
