import type { Range } from './context.js';
import type { Engine, RoundEnd } from './engine.js';

/** Others who expand states of a search (queue/). */
export interface Sharing {
  /** How many there are now. */
  readonly workers: number;
  /** The search begins whose states they are. */
  begin(engine: Engine): void;
  /** Expands some of these states, here or elsewhere. Those that others are at count as still to be expanded until they have answered. */
  round(pending: readonly Range[], cost: 0 | 1): Promise<RoundEnd>;
}
