/**
 * A subset that fails and of which no half can be left out: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
 * 2002), the first item tried by itself first. Empty where not even the whole fails (again).
 */
export async function smallest<T>(
  all: readonly T[],
  fails: (subset: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (all.length === 0) return [];
  if (await fails(all.slice(0, 1))) return all.slice(0, 1);
  if (!(await fails(all))) return [];
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
