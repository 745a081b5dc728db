import { offsetOf } from '../abi/layout.js';
import { RSEQ } from '../abi/rseq.js';
import type { Access } from './evaluate.js';
import type { Flow } from './flow.js';
import type { Atom, Linear } from './nodes.js';

/** What an access touches. `tls`: thread-local memory other than struct rseq; `other`: what other threads can see. */
export type Touched =
  | { readonly kind: 'rseq'; readonly offset: number }
  | { readonly kind: 'stack' }
  | { readonly kind: 'tls' }
  | { readonly kind: 'other' };

/**
 * Where struct rseq lies, as the code itself computes it. A store of a descriptor's address is by definition a store to
 * rseq_cs, so its operand less 8 is the area; and glibc's area is the thread pointer plus __rseq_offset wherever it appears
 * (glibc manual, "Restartable Sequences").
 */
export class RseqArea {
  private readonly local = new Map<Flow, Map<string, Linear>>();
  private readonly shared = new Map<string, number>();

  /** Learns that `address` is the rseq_cs field, in this function. */
  learn(flow: Flow, rseqCs: Linear): void {
    const base = flow.values.add(rseqCs, flow.values.constant(-RSEQ_CS_OFFSET));
    const bases = this.local.get(flow) ?? new Map<string, Linear>();
    this.local.set(flow, bases.set(termsKey(base), base));
    const key = sharedKey(base);
    if (key !== undefined) this.shared.set(key, base.constant);
  }

  /** The offset of an address in struct rseq, or undefined. Offsets below 0 are in front of the area (tcmalloc reads across). */
  offsetOf(flow: Flow, address: Linear): number | undefined {
    const base = this.local.get(flow)?.get(termsKey(address));
    const offset = base === undefined ? this.sharedOffset(address) : address.constant - base.constant;
    return offset !== undefined && offset > -IN_FRONT && offset < RSEQ.size ? offset : undefined;
  }

  private sharedOffset(address: Linear): number | undefined {
    const key = sharedKey(address);
    if (key === undefined) return undefined;
    const base = this.shared.get(key);
    if (base !== undefined) return address.constant - base;
    return isGlibcArea(address) ? address.constant : undefined;
  }

  /** Does an access of `size` bytes at this offset of struct rseq meet its rseq_cs field? A size that is not known counts as one byte. */
  static meetsRseqCs(offset: number, size: number): boolean {
    return offset < RSEQ_CS_END && offset + Math.max(size, 1) > RSEQ_CS_OFFSET;
  }

  touched(flow: Flow, access: Access): Touched {
    const offset = this.offsetOf(flow, access.address);
    if (offset !== undefined) return { kind: 'rseq', offset };
    if (flow.onStack(access.address)) return { kind: 'stack' };
    return { kind: access.address.terms.some(({ atom }) => isThreadLocal(atom)) ? 'tls' : 'other' };
  }
}

/** Bytes in front of struct rseq that are looked at as well: TCMalloc's cached slab pointer ends in cpu_id_start. */
export const IN_FRONT = 8;

const RSEQ_CS_OFFSET = offsetOf(RSEQ, 'rseq_cs');
/** The field behind it. */
const RSEQ_CS_END = offsetOf(RSEQ, 'flags');

const termsKey = (value: Linear): string => value.key.slice(0, value.key.lastIndexOf('+'));

const isThreadLocal = (atom: Atom): boolean =>
  atom.kind === 'thread-pointer' || (atom.kind === 'import' && atom.name.startsWith('tls '));

/** A name for an address that means the same in every function: made of the thread pointer, imports, answers of named functions and unchanging loads. */
function sharedKey(address: Linear): string | undefined {
  const parts: string[] = [];
  for (const { atom, factor } of address.terms) {
    const part = sharedAtom(atom);
    if (part === undefined || factor !== 1) return undefined;
    parts.push(part);
  }
  // A bare constant is a fixed place in the image: one thread's area at the most, and not worth guessing.
  return parts.length === 0 ? undefined : parts.sort().join(' + ');
}

function sharedAtom(atom: Atom): string | undefined {
  if (atom.kind === 'thread-pointer') return 'tp';
  if (atom.kind === 'import') return atom.name;
  // A function that once gave the thread's area gives it each time it is asked.
  if (atom.kind === 'call')
    return atom.callee === undefined ? undefined : `${atom.callee}() ${atom.register}`;
  if (atom.kind !== 'load' || !atom.stable) return undefined;
  const inner = sharedKey(atom.address);
  return `[${inner ?? ''} ${atom.address.constant}]`;
}

const isGlibcArea = (address: Linear): boolean =>
  address.terms.length === 2 &&
  address.terms.some(({ atom }) => atom.kind === 'thread-pointer') &&
  address.terms.some(({ atom }) => atom.kind === 'load' && atom.stable);
