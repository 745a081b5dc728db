/**
 * Control flow for WebAssembly, which has loops and blocks instead of jumps: basic blocks in a row, and scopes over them. A jump forward goes
 * to the end of a `block`, one backward to the start of a `loop`. (The method of LLVM's CFGStackify.)
 */
export interface Scope {
  readonly kind: 'block' | 'loop';
  /** Opens in front of this basic block; a loop's jumps lead here. */
  start: number;
  /** Ends in front of this one; a block's jumps lead here. */
  end: number;
}

/** The order in which basic blocks stand: after those that lead to them, but for loops. `successors` by number; 0 is the entry. */
export function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const order: number[] = [];
  const seen = new Set<number>([0]);
  // Each entry: a block and how many of its successors are done.
  const stack: [number, number][] = [[0, 0]];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const next = successors[top[0]]![top[1]++];
    if (next === undefined) {
      order.unshift(top[0]);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push([next, 0]);
    }
  }
  return order;
}

/**
 * Scopes over blocks 0, 1, ... in their order, properly nested, outermost first where two open together; undefined where a jump leads
 * into the middle of a loop, which no nesting can say.
 */
export function scopesFor(successors: readonly (readonly number[])[]): Scope[] | undefined {
  const loops = new Map<number, Scope>();
  const blocks = new Map<number, Scope>();
  for (const [from, targets] of successors.entries()) {
    for (const to of targets) {
      if (to <= from) {
        const known = loops.get(to) ?? { kind: 'loop', start: to, end: 0 };
        known.end = Math.max(known.end, from + 1);
        loops.set(to, known);
      } else if (to > from + 1 || targets.length > 1) {
        const known = blocks.get(to) ?? { kind: 'block', start: from, end: to };
        known.start = Math.min(known.start, from);
        blocks.set(to, known);
      }
    }
  }
  const scopes = [...loops.values(), ...blocks.values()];
  for (let changed = true; changed; ) {
    changed = false;
    for (const a of scopes) {
      for (const b of scopes) {
        if (!(a.start < b.start && b.start < a.end && a.end < b.end)) continue;
        if (b.kind === 'block') b.start = a.start;
        else if (a.kind === 'loop') a.end = b.end;
        else return undefined;
        changed = true;
      }
    }
  }
  return scopes.sort((a, b) => a.start - b.start || b.end - a.end || (a.kind === 'block' ? -1 : 1));
}
