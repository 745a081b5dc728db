/**
 * What a page is at one moment: what the program may do with it (PAGE bits), and its bytes; undefined where nobody has written to it, so
 * that it reads as zeros. Never changed once it is made: snapshots share them.
 */
export interface PageImage {
  readonly flags: number;
  /** Of a folded address space: which block it belongs to; else 0. */
  readonly block: number;
  readonly bytes: Uint8Array | undefined;
}

/**
 * The pages of an address space as a tree that never changes: changing a page makes a new tree which shares all else with the old one. An
 * image that stands for more than a page says that they are all alike (and have no bytes); undefined: not mapped.
 */
export type PageTree = PageImage | undefined | readonly PageTree[];

/** Children of a node; four floors of them are the pages of 4 GiB. */
const FAN = 32;
const FLOORS = 4;
export const PAGES = FAN ** FLOORS;

const isNode = (tree: PageTree): tree is readonly PageTree[] => Array.isArray(tree);

/** The tree with pages [first, end) changed; `change` must not tell pages of one image from each other. */
export function changePages(
  tree: PageTree,
  first: number,
  end: number,
  change: (image: PageImage | undefined) => PageImage | undefined,
): PageTree {
  return changeBelow(tree, PAGES, first, end, change);
}

function changeBelow(
  tree: PageTree,
  size: number,
  first: number,
  end: number,
  change: (image: PageImage | undefined) => PageImage | undefined,
): PageTree {
  if (first >= end) return tree;
  if (first === 0 && end === size && !isNode(tree)) return change(tree);
  const below = size / FAN;
  const children: PageTree[] = isNode(tree) ? tree.slice() : new Array<PageTree>(FAN).fill(tree);
  for (let child = Math.floor(first / below); child * below < end; child++)
    children[child] = changeBelow(
      children[child],
      below,
      Math.max(0, first - child * below),
      Math.min(below, end - child * below),
      change,
    );
  const [one] = children;
  const alike = !isNode(one) && one?.bytes === undefined && children.every((each) => each === one);
  return alike ? one : children;
}

/** Says where two trees differ: pages [first, end) that are `from` in one and `to` in the other. Costs what differs. */
export function differences(
  a: PageTree,
  b: PageTree,
  found: (first: number, end: number, from: PageImage | undefined, to: PageImage | undefined) => void,
): void {
  differencesBelow(a, b, 0, PAGES, found);
}

function differencesBelow(
  a: PageTree,
  b: PageTree,
  first: number,
  size: number,
  found: (first: number, end: number, from: PageImage | undefined, to: PageImage | undefined) => void,
): void {
  if (a === b) return;
  if (!isNode(a) && !isNode(b)) {
    found(first, first + size, a, b);
    return;
  }
  const below = size / FAN;
  for (let child = 0; child < FAN; child++)
    differencesBelow(isNode(a) ? a[child] : a, isNode(b) ? b[child] : b, first + child * below, below, found);
}
