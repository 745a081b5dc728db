/**
 * What an address space holds in each of its pages, as a page table has it: for 512 pages (2 MiB) a row of bytes, where any of them was
 * touched. What a program may do with a page follows from this and from the area that it lies in.
 */
export type PageTable = Map<number, Uint8Array>;

/**
 * Legend:
 *   NONE     never touched, or given back: zeros in the machine's memory
 *   PRIVATE  the process's own content
 *   READER   a copy of an object's page, as good as any other
 *   WRITER   the only copy of an object's page that is right
 *   STALE    a copy of an object's page that may be out of date
 */
export const HELD = { NONE: 0, PRIVATE: 1, READER: 2, WRITER: 3, STALE: 4 } as const;
export type Held = (typeof HELD)[keyof typeof HELD];

const ROW = 512;
const rowOf = (page: number): number => Math.floor(page / ROW);

export const heldAt = (table: PageTable, page: number): Held =>
  (table.get(rowOf(page))?.[page % ROW] ?? HELD.NONE) as Held;

export function setHeld(table: PageTable, page: number, held: Held): void {
  let row = table.get(rowOf(page));
  if (row === undefined) {
    if (held === HELD.NONE) return;
    row = new Uint8Array(ROW);
    table.set(rowOf(page), row);
  }
  row[page % ROW] = held;
}

/** Pages from `first` up to `end` that hold something, upwards. */
export function* heldPages(
  table: PageTable,
  first: number,
  end: number,
): Generator<{ page: number; held: Held }> {
  for (let index = rowOf(first); index * ROW < end; index++) {
    const row = table.get(index);
    if (row === undefined) continue;
    const from = Math.max(first, index * ROW);
    const to = Math.min(end, (index + 1) * ROW);
    for (let page = from; page < to; page++) {
      const held = row[page % ROW]!;
      if (held !== HELD.NONE) yield { page, held: held as Held };
    }
  }
}

export function countPages(table: PageTable, counts: (held: Held) => boolean): number {
  let count = 0;
  for (const row of table.values())
    for (const held of row) if (held !== HELD.NONE && counts(held as Held)) count++;
  return count;
}
