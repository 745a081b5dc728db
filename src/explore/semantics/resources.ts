/** Bits of resources (`Edge.wants`): CPU 0 is bit 0; mm_cid 0; the store buffer of CPU 0, which is held while there is something in it. */
export const CID = 16;
export const BUFFER = 24;

/** Two resources as one number. */
export const pairOf = (a: number, b: number): number => Math.min(a, b) * 32 + Math.max(a, b);
