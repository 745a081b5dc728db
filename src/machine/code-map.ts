import { PAGE_SIZE } from './state.js';

/** Bytes of one instruction, or of several that follow each other: [start, end). */
export type CodeRange = readonly [start: number, end: number];

interface CodePage<T> {
  /** 1 for each byte that something has been translated from. */
  readonly marks: Uint8Array;
  readonly owners: Set<T>;
}

/** Which bytes of the program translations were made from, so that those are found that a write makes wrong. */
export class CodeMap<T extends { readonly ranges: readonly CodeRange[] }> {
  private readonly pages = new Map<number, CodePage<T>>();

  /** Returns the pages it lies on. */
  add(owner: T): ReadonlySet<number> {
    const pages = new Set<number>();
    for (const [start, end] of owner.ranges) {
      for (let at = start; at < end; at++) {
        const number = Math.floor(at / PAGE_SIZE);
        pages.add(number);
        this.page(number).marks[at % PAGE_SIZE] = 1;
      }
    }
    for (const number of pages) this.page(number).owners.add(owner);
    return pages;
  }

  /** Takes out and returns those made from any of the bytes [start, end), which lie on one page. */
  take(start: number, end: number): T[] {
    const number = Math.floor(start / PAGE_SIZE);
    const page = this.pages.get(number);
    if (page === undefined) return [];
    const mark = page.marks.indexOf(1, start - number * PAGE_SIZE);
    if (mark === -1 || mark >= end - number * PAGE_SIZE) return [];
    const gone = [...page.owners].filter(({ ranges }) =>
      ranges.some(([first, last]) => first < end && start < last),
    );
    for (const owner of gone) this.remove(owner);
    return gone;
  }

  /** Takes out and returns all of them. */
  takeAll(): T[] {
    const gone = new Set([...this.pages.values()].flatMap(({ owners }) => [...owners]));
    this.pages.clear();
    return [...gone];
  }

  has(page: number): boolean {
    return this.pages.has(page);
  }

  private remove(owner: T): void {
    const touched = new Set<number>();
    for (const [start, end] of owner.ranges)
      for (let page = Math.floor(start / PAGE_SIZE); page * PAGE_SIZE < end; page++) touched.add(page);
    for (const number of touched) {
      const page = this.pages.get(number)!;
      page.owners.delete(owner);
      if (page.owners.size === 0) this.pages.delete(number);
    }
  }

  private page(number: number): CodePage<T> {
    let page = this.pages.get(number);
    if (page === undefined) {
      page = { marks: new Uint8Array(PAGE_SIZE), owners: new Set() };
      this.pages.set(number, page);
    }
    return page;
  }
}
