import type { ExploreDocument } from '../explore/timeline.js';

/** `"schema": "rseqlab.explore/1"`: the document as src/explore/timeline.ts describes it. */
export const exploreJson = (document: ExploreDocument): string => `${JSON.stringify(document, null, 2)}\n`;
