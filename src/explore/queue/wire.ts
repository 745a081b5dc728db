import type { Misses } from '../engine.js';

/** Some states that are to be expanded, as it goes to whoever does so. */
export interface Piece {
  /** Which search: one that begins anew is another one. */
  readonly generation: number;
  readonly id: number;
  /** Which edges are to be followed. */
  readonly cost: 0 | 1;
  /** What must have been asked of the semantics before, in words of the log, and the digest of the graph that comes of it. */
  readonly asked: number;
  readonly digest: number;
  /** Side by side, as words. */
  readonly states: Int32Array;
}

/** What came of a piece. */
export interface Answer {
  readonly generation: number;
  /** The piece. */
  readonly id: number;
  /** Who has done it, and how many answers it gave before in this search. */
  readonly worker: number;
  readonly sequence: number;
  readonly transitions: number;
  readonly violations: number;
  /** What the tables did not say: triples (number of the state in the piece, slot, place of the edge). */
  readonly misses: Misses;
  /** States that this worker has not sent before. */
  readonly states: Int32Array;
}

/** Words at the start, which say besides in which order the bytes of a word come. */
const PIECE = 0x7273_7131;
const ANSWER = 0x7273_7132;
const PIECE_HEAD = 6;
const ANSWER_HEAD = 9;

const bytesOf = (head: readonly number[], ...lists: (Int32Array | readonly number[])[]): Uint8Array => {
  const words = new Int32Array(lists.reduce((sum, { length }) => sum + length, head.length));
  let at = 0;
  for (const list of [head, ...lists]) {
    words.set(list, at);
    at += list.length;
  }
  return new Uint8Array(words.buffer);
};
const wordsOf = (bytes: Uint8Array, magic: number, head: number): Int32Array => {
  const whole = bytes.length & ~3;
  // A Buffer of Node stands anywhere in a larger one.
  const isAligned = bytes.byteOffset % 4 === 0;
  const words = isAligned
    ? new Int32Array(bytes.buffer, bytes.byteOffset, whole / 4)
    : new Int32Array(Uint8Array.prototype.slice.call(bytes, 0, whole).buffer);
  if (bytes.length % 4 !== 0 || words.length < head || words[0] !== magic)
    throw new RangeError('not a message of this search');
  return words;
};

export const pieceBytes = ({ generation, id, cost, asked, digest, states }: Piece): Uint8Array =>
  bytesOf([PIECE, generation, id, cost, asked, digest], states);

export function pieceOf(bytes: Uint8Array): Piece {
  const words = wordsOf(bytes, PIECE, PIECE_HEAD);
  const [, generation, id, cost, asked, digest] = words as unknown as [
    number,
    number,
    number,
    0 | 1,
    number,
    number,
  ];
  return { generation, id, cost, asked, digest, states: words.subarray(PIECE_HEAD) };
}

export const answerBytes = (answer: Answer): Uint8Array =>
  bytesOf(
    [
      ANSWER,
      answer.generation,
      answer.id,
      answer.worker,
      answer.sequence,
      (answer.transitions % 2 ** 32) | 0,
      Math.floor(answer.transitions / 2 ** 32),
      answer.violations,
      answer.misses.length,
    ],
    answer.misses,
    answer.states,
  );

export function answerOf(bytes: Uint8Array): Answer {
  const words = wordsOf(bytes, ANSWER, ANSWER_HEAD);
  const [, generation, id, worker, sequence, low, high, violations, misses] = words as unknown as number[];
  const states = ANSWER_HEAD + misses!;
  if (misses! < 0 || misses! % 3 !== 0 || states > words.length)
    throw new RangeError('not a message of this search');
  return {
    generation: generation!,
    id: id!,
    worker: worker!,
    sequence: sequence!,
    transitions: (low! >>> 0) + high! * 2 ** 32,
    violations: violations!,
    misses: Array.from(words.subarray(ANSWER_HEAD, states)),
    states: words.subarray(states),
  };
}
