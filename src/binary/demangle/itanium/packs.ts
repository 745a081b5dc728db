/** Which parameter pack an expansion runs over. */
import type { Node, Printing } from './nodes.js';

type Pack = Extract<Node, { kind: 'pack' }>;

/** Nodes whose parameters are not those of the expansion around. */
const OPAQUE: ReadonlySet<Node['kind']> = new Set([
  'lambda',
  'expansion',
  'word',
  'builtin',
  'function-parameter',
]);

/** The first template parameter in the pattern that stands for a pack. */
export function findPack(printer: Printing, pattern: Node): Pack | undefined {
  printer.countStep();
  if (pattern.kind === 'parameter') {
    const argument = printer.argument(pattern.index);
    return argument?.kind === 'pack' ? argument : undefined;
  }
  if (OPAQUE.has(pattern.kind)) return undefined;
  for (const child of children(pattern)) {
    const found = findPack(printer, child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function* children(node: Node): Iterable<Node> {
  for (const value of Object.values(node) as unknown[]) {
    for (const each of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof each === 'object' && each !== null && 'kind' in each) yield each as Node;
    }
  }
}
