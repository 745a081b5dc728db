/**
 * A subset that fails and of which nothing found can be left out. Mostly it is one item: the first is tried by itself, then halves, of which one at a
 * time is tried. Where that leads nowhere: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002). Empty where
 * not even the whole fails again.
 */
export async function smallest<T>(
  all: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (all.length === 0) return [];
  if (await fails(all.slice(0, 1))) return all.slice(0, 1);
  const one = await onlyOne(all.slice(1), fails);
  if (one !== undefined) return [one];
  return (await fails(all)) ? deltaDebug(all, fails) : [];
}

async function onlyOne<T>(
  all: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<T | undefined> {
  let left = all;
  while (left.length > 1) {
    const half = left.slice(0, left.length >> 1);
    left = (await fails(half)) ? half : left.slice(half.length);
  }
  return left.length === 1 && (await fails(left)) ? left[0] : undefined;
}

async function deltaDebug<T>(
  all: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  let left = all;
  for (let parts = 2; left.length > 1; ) {
    const size = Math.ceil(left.length / parts);
    const pieces = Array.from({ length: Math.ceil(left.length / size) }, (_, n) =>
      left.slice(n * size, (n + 1) * size),
    );
    const next = await firstFailing(left, pieces, fails);
    if (next !== undefined) {
      parts = next.length === size ? 2 : Math.max(parts - 1, 2);
      left = next;
    } else if (parts >= left.length) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return left;
}

async function firstFailing<T>(
  all: readonly T[],
  pieces: readonly (readonly T[])[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[] | undefined> {
  for (const piece of pieces) if (await fails(piece)) return piece;
  if (pieces.length <= 2) return undefined;
  for (const piece of pieces) {
    const rest = all.filter((item) => !piece.includes(item));
    if (await fails(rest)) return rest;
  }
  return undefined;
}
