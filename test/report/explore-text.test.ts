import { describe, expect, it } from 'vitest';
import type { ExploreDocument } from '../../src/explore/timeline.js';
import { exploreText, verdictText } from '../../src/report/explore-text.js';
import { COLOUR, PLAIN } from '../../src/report/style.js';
import { BOUNDED, HOSTILE, LOST, long, MIGRATION, STORES, VERIFIED } from './explore-fixtures.js';

/** `npm run accept` takes what is printed now as right; the diff of the files is the review. */
const TRANSCRIPTS: Readonly<Record<string, readonly [ExploreDocument, number]>> = {
  'explore-one-cpu': [LOST, 100],
  'explore-two-cpus': [MIGRATION, 130],
  'explore-two-cpus-narrow': [MIGRATION, 72],
  'explore-six-cpus': [long(1, 6), 120],
  'explore-stores': [STORES, 100],
  'explore-verified': [VERIFIED, 100],
  'explore-bounded': [BOUNDED, 100],
};

const linesOf = (text: string): string[] => text.split('\n');
/** Colours are SGR sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const bare = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/g, '');

describe('the text of an exploration', () => {
  it.each(Object.entries(TRANSCRIPTS))('%s', async (name, [document, width]) => {
    await expect(exploreText(document, PLAIN, width)).toMatchFileSnapshot(
      `../fixtures/report/transcripts/${name}.txt`,
    );
  });

  it.each([40, 60, 72, 80, 100, 140, 240])('fits %i columns', (width) => {
    for (const document of [LOST, MIGRATION, STORES, VERIFIED, BOUNDED, long(2, 3), long(1, 7)]) {
      const tooLong = linesOf(exploreText(document, PLAIN, width)).filter((line) => line.length > width);
      expect(tooLong).toEqual([]);
    }
  });

  it('says the same with colours as without', () => {
    for (const document of [LOST, MIGRATION, STORES, VERIFIED, BOUNDED]) {
      const coloured = exploreText(document, COLOUR, 120);
      expect(coloured).not.toBe(bare(coloured));
      expect(bare(coloured)).toBe(exploreText(document, PLAIN, 120));
    }
  });

  it('gives each CPU a column, and numbers every row', () => {
    const lines = linesOf(exploreText(MIGRATION, PLAIN, 130));
    const { rows } = MIGRATION.results[0]!.counterexample!;
    expect(lines.filter((line) => /^\s*\d+ {2}/.test(line)).map((line) => Number.parseInt(line, 10))).toEqual(
      rows.map((_, n) => n),
    );
    const [head] = lines.filter((line) => line.includes('cpu 0') && line.includes('| cpu 1'));
    const border = head!.indexOf('|');
    for (const [n, row] of rows.entries()) {
      if (row.kind !== 'execute') continue;
      const [line] = lines.slice(lines.findIndex((text) => text.startsWith(`${n}`.padStart(2))));
      expect(line!.slice(0, border).trim() === `${n}`).toBe(row.cpu === 1);
    }
  });

  it('names the task where one comes onto a CPU', () => {
    const text = exploreText(MIGRATION, PLAIN, 130);
    expect(text).toMatch(/= mover: resume on cpu 1 \(migrate 0 to 1\) =/);
    expect(text).toMatch(
      /\* stayer: SIGUSR1: handler on_signal, abort at increment\+0x11 -> increment\.cold \*/,
    );
  });

  it('keeps names from faking lines and from reaching the terminal', () => {
    const text = exploreText(HOSTILE, PLAIN, 100);
    expect(text).toContain('\\x1b[31m');
    expect(text).not.toContain('\u001b');
    expect(verdictText('a\u001b[2Jb', HOSTILE.results[0]!, PLAIN, 100)).not.toContain('\u001b');
  });

  it('leaves out only instructions that touch nothing shared, and says how many', () => {
    const document = withDullRun(long(40, 1), 100);
    const { rows } = document.results[0]!.counterexample!;
    const text = exploreText(document, PLAIN, 100);
    const [, left] = /\.\.\. (\d+) instructions that touch no shared memory \.\.\./.exec(text)!;
    const numbered = linesOf(text).filter((line) => /^\s*\d+ {2}/.test(line)).length;
    expect(numbered + Number(left)).toBe(rows.length);
    expect(Number(left)).toBeGreaterThan(80);
    expect(exploreText(withDullRun(long(1, 1), 100), PLAIN, 100)).not.toContain('touch no shared memory');
  });
});

/** With a run of instructions in front that change registers only. */
function withDullRun(document: ExploreDocument, length: number): ExploreDocument {
  const [verdict] = document.results;
  const { counterexample } = verdict!;
  const [first, ...rest] = counterexample!.rows;
  const dull = { ...rest[0]!, changes: [], reads: [] };
  const rows = [first!, ...Array.from({ length }, () => dull), ...rest];
  return { ...document, results: [{ ...verdict!, counterexample: { ...counterexample!, rows } }] };
}
