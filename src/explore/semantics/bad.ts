/** Something that must not happen. */
export interface Bad {
  readonly kind: 'assert' | 'invariant' | 'final' | 'serial' | 'crash' | 'rseq' | 'exit';
  readonly text: string;
}
