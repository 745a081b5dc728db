/** `import ... from 'rseqlab/explore'`. */

export { ExploreError, type ExploreOptions, type ScenarioProgress } from '../explore/options.js';
export type { Reductions } from '../explore/semantics/machine-code.js';
export type {
  Counterexample,
  ExploreDocument,
  Row,
  Verdict,
  VerdictKind,
  ViolationAt,
} from '../explore/timeline.js';
export { exploreHtml } from '../report/explore-html.js';
export { verdictText } from '../report/explore-text.js';
export { type ExpectedViolation, expectCounterexample, expectVerified, UnexpectedVerdict } from './expect.js';
export { type ExploreFileOptions, explore } from './explore.js';
