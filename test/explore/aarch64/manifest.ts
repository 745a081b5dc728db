export type Arch = 'x86-64' | 'aarch64';

/** From the repository's root. */
export const pathOf = (object: string, arch: Arch): string => `test/explore/aarch64/${object}-${arch}.o.gz`;

/** What is said of objects, the same of both architectures: the verdict, and how many contents memory can have, or had until something went wrong. */
export const BOTH = [
  ['scenarios', 'count', 'verified', 4],
  ['scenarios', 'count3', 'verified', 6],
  ['scenarios', 'signal', 'verified', 14],
  ['scenarios', 'serial', 'verified', 11],
  ['scenarios', 'list', 'verified', 17],
  ['scenarios', 'append', 'verified', 89],
  ['scenarios', 'torn', 'counterexample', 3],
  ['scenarios', 'own', 'verified', 1],
  ['scenarios', 'lock', 'verified', 9],
  ['scenarios', 'swap', 'verified', 2],
  ['scenarios', 'threads', 'verified', 4],
  ['scenarios', 'fence', 'verified', 8],
  ['late', 'count', 'counterexample', 4],
  ['late', 'signal', 'counterexample', 12],
  ['late', 'serial', 'counterexample', 11],
  ['late', 'fence', 'counterexample', 8],
  ['wide', 'list', 'counterexample', 22],
  ['annotated', 'annotated', 'verified', 6],
  ['annotated-early', 'annotated', 'counterexample', 7],
] as const;

/** Where compilers order stores otherwise, so that memory can hold something else for a moment. */
export const ALONE = [
  ['annotated', 'word', 'verified', 3],
  ['annotated-bare', 'word', 'counterexample', 6],
] as const;
