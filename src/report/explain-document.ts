/** What `rseqlab explain --format json` prints: the format is these types. Addresses are `0x...`. */
import type { InspectedPlace, InspectedSection } from './inspect-document.js';

export interface ExplainDocument {
  readonly schema: 'rseqlab.explain/1';
  readonly version: string;
  readonly kernel: { readonly release: string; readonly debugRseq: boolean | null };
  readonly subject:
    | { readonly kind: 'command'; readonly command: readonly string[] }
    | { readonly kind: 'process'; readonly pid: number }
    | { readonly kind: 'core'; readonly path: string };
  /** How the process ended; null: it did not, or it is not known. */
  readonly end:
    | { readonly kind: 'exited'; readonly status: number }
    | { readonly kind: 'killed'; readonly signal: string }
    | null;
  readonly findings: readonly Explanation[];
  readonly notes: readonly string[];
}

/** What was mapped at an address where nothing is any more. */
export interface Unloaded {
  readonly file: string;
  /** Of the section whose descriptor stood there, where that is known. */
  readonly function: string | null;
  readonly line: string | null;
}

interface Explained {
  readonly pid: number;
  readonly tid: number;
  readonly name: string;
  /** What happened, and what to do: a sentence each. */
  readonly what: string;
  readonly mend: string;
}

/**
 *   violation  a rule of the ABI was broken, and the kernel sent SIGSEGV for it; `handled`: a handler of the program took it
 *   refused    rseq(2) failed
 *   crash      a signal that has nothing to do with rseq
 *   unknown    the kernel sent SIGSEGV by itself, and what for cannot be told
 */
export type Explanation =
  | (Explained & {
      readonly kind: 'violation';
      /** Id of docs/abi.md's table of violations. */
      readonly rule: string;
      readonly ruleText: string;
      readonly check: string | null;
      readonly kernels: string;
      readonly at: InspectedPlace;
      readonly section: InspectedSection | null;
      /** Where the descriptor, or the section's code, has been unmapped: whose it was; null: it has not, or that was not seen. */
      readonly unloaded: Unloaded | null;
      /** Who the area belongs to, and how that is known. */
      readonly owner: string | null;
      readonly handled: boolean;
    })
  | (Explained & {
      readonly kind: 'refused';
      /** Id of docs/abi.md's table of registrations; null: no rule that is known. */
      readonly rule: string | null;
      readonly call: string;
      readonly errno: string;
      /** Where the call was made. */
      readonly at: InspectedPlace;
    })
  | (Explained & {
      readonly kind: 'crash' | 'unknown';
      readonly signal: string;
      readonly at: InspectedPlace;
      readonly section: InspectedSection | null;
    });
