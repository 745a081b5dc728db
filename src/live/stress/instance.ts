import type { Cause } from '../../report/stress-document.js';
import type { Space } from '../keeper/space.js';
import type { LiveSection } from '../modules.js';
import type { Point, Target } from './sections.js';

export interface CampaignOptions {
  readonly mode: 'sweep' | 'storm';
  /** Abort the retry too. */
  readonly double: boolean;
  readonly cause: Cause;
  readonly rounds: number;
  readonly seed: number;
  /** By debug registers: nothing is written into code. */
  readonly hardware: boolean;
  /** Behind each stop it is looked whether the thread runs through the section unprotected. */
  readonly witness: boolean;
  /** Only these points, by id. */
  readonly only?: readonly string[];
}

/** A section where it is mapped. */
export interface Instance {
  readonly target: Target;
  readonly live: LiveSection;
  readonly space: Space;
  /** Run-time address less the file's. */
  readonly bias: number;
  readonly allowed: readonly Point[];
  /** Points planted in this round. */
  round: Set<Point>;
  rounds: number;
  /** Exits are planted. */
  leaving: boolean;
  /** Of `double`: which pair, and whether its first half was hit. */
  pair: number;
  half: boolean;
  done: boolean;
  readonly seen: Set<number>;
  /** Rounds in a row that met nobody new. */
  vain: number;
  /** Until the next tick. */
  resting: boolean;
  /** Ticks since something happened in this round. */
  quiet: number;
  /** It is left to debug registers. */
  byHardware: boolean;
}

/** Whose an address is; without a point: one of the exits. */
export type Owner = { readonly instance: Instance; readonly point: Point | undefined };
