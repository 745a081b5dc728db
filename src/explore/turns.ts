/** Bits of `Edge.wants` that stand for one resource: a CPU, and what belongs to it. Those of another one like it correspond in order. */
export type Resource = readonly number[];

/** Two resources were taken to be alike, and are not: their first bits. */
export class Unlike extends Error {
  /** In which layer that was found. */
  cost = 0;
  constructor(readonly pair: readonly [number, number]) {
    super(`resources ${pair.join(' and ')} are not alike`);
  }
}

const BITS = 32;

/**
 * All ways to exchange resources that are alike for each other: a group of permutations, by number; 0 changes nothing. `classes` are sets of
 * resources in which any may stand for any.
 */
export class Turns {
  readonly count: number;
  /** Exchanges of two resources: all others are made of these. */
  readonly swaps: readonly { readonly turn: number; readonly pair: readonly [number, number] }[];
  private readonly maps: readonly (readonly number[])[];
  private readonly products: Int32Array;
  private readonly inverses: Int32Array;

  constructor(classes: readonly (readonly Resource[])[]) {
    let maps: (readonly number[])[] = [Array.from({ length: BITS }, (_, bit) => bit)];
    for (const members of classes)
      maps = permutations(members.length).flatMap((order) => maps.map((map) => moved(map, members, order)));
    this.maps = maps;
    this.count = maps.length;
    const byText = new Map(maps.map((map, turn) => [map.join(), turn]));
    const find = (map: readonly number[]): number => byText.get(map.join())!;
    this.products = Int32Array.from({ length: this.count ** 2 }, (_, n) => {
      const [first, second] = [maps[Math.floor(n / this.count)]!, maps[n % this.count]!];
      return find(second.map((bit) => first[bit]!));
    });
    this.inverses = Int32Array.from(maps, (map) => find(map.map((_, bit) => map.indexOf(bit))));
    this.swaps = classes.flatMap((members) =>
      members.flatMap((a, n) =>
        members.slice(n + 1).map((b) => ({
          turn: find(moved(maps[0]!, [a, b], [1, 0])),
          pair: [a[0]!, b[0]!] as const,
        })),
      ),
    );
  }

  /** First `second`, then `first`. */
  product(first: number, second: number): number {
    return this.products[first * this.count + second]!;
  }
  inverse(turn: number): number {
    return this.inverses[turn]!;
  }
  /** Resources as bits, exchanged. */
  bits(turn: number, mask: number): number {
    if (mask === 0 || turn === 0) return mask;
    const map = this.maps[turn]!;
    let bits = 0;
    for (let bit = 0; bit < BITS; bit++) if (((mask >>> bit) & 1) !== 0) bits |= 1 << map[bit]!;
    return bits;
  }

  /** `texts[turn]` says what something is when all is exchanged so, but for the exchange: must be the same for all. Throws Unlike. */
  compare(texts: readonly string[]): void {
    if (texts.every((text) => text === texts[0])) return;
    for (const { turn, pair } of this.swaps)
      for (const [other, text] of texts.entries())
        if (text !== texts[this.product(turn, other)]) throw new Unlike(pair);
  }
}

function permutations(length: number): number[][] {
  if (length === 0) return [[]];
  return permutations(length - 1)
    .flatMap((order) =>
      Array.from({ length }, (_, n) => [
        ...order.slice(0, length - 1 - n),
        length - 1,
        ...order.slice(length - 1 - n),
      ]),
    )
    .sort((a, b) => (a.join() < b.join() ? -1 : 1));
}

/** A map of bits in which, besides, each of these resources becomes the one that `order` says. */
function moved(map: readonly number[], members: readonly Resource[], order: readonly number[]): number[] {
  const next = [...map];
  for (const [from, to] of order.entries())
    for (const [n, bit] of members[from]!.entries()) next[bit] = members[to]![n]!;
  return next;
}

const UNKNOWN = -1;

/** What things become when resources are exchanged: of each thing, by its number, a row with the things that it becomes. */
export class Action {
  private rows = new Int32Array(0);

  constructor(
    private readonly turns: Turns,
    /** Told of a row that has become known. */
    private readonly onRow: (thing: number, row: Int32Array) => void = () => {},
  ) {}

  knows(thing: number): boolean {
    return (this.rows[thing * this.turns.count] ?? UNKNOWN) !== UNKNOWN;
  }
  /** What is not known stays what it is. */
  image(thing: number, turn: number): number {
    return this.knows(thing) ? this.rows[thing * this.turns.count + turn]! : thing;
  }

  /**
   * `images[turn]` is what the first of them becomes. So it is known what each of them becomes; throws Unlike where that is not what was known.
   * Looking at exchanges of two is enough: what is known is made of these.
   */
  unite(images: readonly number[]): void {
    const { turns } = this;
    const { count } = turns;
    const largest = Math.max(...images);
    if ((largest + 1) * count > this.rows.length) {
      const rows = new Int32Array(Math.max(64, (largest + 1) * 2) * count).fill(UNKNOWN);
      rows.set(this.rows);
      this.rows = rows;
    }
    for (let each = 0; each < count; each++) {
      const thing = images[each]!;
      const at = thing * count;
      if (this.knows(thing)) {
        for (const { turn, pair } of turns.swaps)
          if (this.rows[at + turn] !== images[turns.product(turn, each)]) throw new Unlike(pair);
        continue;
      }
      for (let turn = 0; turn < count; turn++) this.rows[at + turn] = images[turns.product(turn, each)]!;
      this.onRow(thing, this.rows.subarray(at, at + count));
    }
  }
}
