import type { EngineSettings } from '../engine.js';
import type { Facts } from '../semantics/facts.js';

/** What a worker must know of a search besides the program and the options of the command. */
export interface Plan {
  /** Searches are counted: one that begins anew is another one. */
  readonly generation: number;
  readonly scenario: string;
  /** What was learned of the program before this search began. */
  readonly facts: Facts;
  /** Of the engine there: those that decide about states are the same here. */
  readonly settings: EngineSettings;
}

/**
 * Where the pieces of a search are put up for workers, and where their answers come in. Nothing here fails: a board that is lost has no workers, and no
 * answers. Pieces may be done by nobody, or by several; answers may be lost, or come late, but those of one worker come in the order in which it
 * gave them.
 */
export interface Board {
  /** How many there are now. */
  readonly workers: number;
  /** States in a piece, at most. */
  readonly pieceStates: number;
  /** A search begins: what was put up before is void. */
  begin(plan: Omit<Plan, 'generation'>): number;
  /** What was asked of the semantics since the last call. */
  asked(words: Int32Array): void;
  put(id: number, piece: Uint8Array): void;
  /** Nobody needs to do this one any more. */
  withdraw(id: number): void;
  /** Answers that have come since the last call. */
  take(): readonly Uint8Array[];
  /** Comes back when there is an answer, and after so many milliseconds at the latest. Lets other things happen. */
  wait(milliseconds: number): Promise<void>;
}
