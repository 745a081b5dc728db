import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readImage } from '../../src/binary/read.js';
import { checkImage, type Finding } from '../../src/check/check.js';
import { RULES } from '../../src/check/rules/index.js';
import { type CorpusCase, corpusCases, type Expectation } from './corpus.js';

const cases = corpusCases();

describe('every broken section is found, and every correct twin is silent', () => {
  it.each(
    cases.map((each) => [`${each.file} on ${each.kernel}${each.debug ? ' debug' : ''}`, each] as const),
  )('%s', (_, each) => {
    const { findings } = checkCase(each);
    const seen = findings.map(({ rule, severity }) => `${rule} ${severity}`);
    const wanted = each.expected.map(({ rule, severity }) => `${rule} ${severity}`);
    const allowed = each.allowed.map(({ rule, severity }) => `${rule} ${severity}`);
    expect(
      wanted.filter((want) => !seen.includes(want)),
      'expected, not found',
    ).toEqual([]);
    expect(
      findings
        .filter(({ rule, severity }) => ![...wanted, ...allowed].includes(`${rule} ${severity}`))
        .map(({ rule, message }) => `${rule}: ${message}`),
      'found, not expected',
    ).toEqual([]);
  });
});

describe('the finding points at the guilty place', () => {
  const placed = cases.flatMap((each) =>
    each.expected.map((want) => [`${each.file} on ${each.kernel}: ${want.rule}`, each, want] as const),
  );
  it.each(placed)('%s', (_, each, want) => {
    const result = checkCase(each);
    const candidates = result.findings.filter(({ rule }) => rule === want.rule);
    expect(
      candidates.some((finding) =>
        want.places.some((place) => isAt(result.image, finding, place, each, want)),
      ),
    ).toBe(true);
  });
});

describe('the corpus covers every rule', () => {
  it.each(RULES.map(({ id }) => id))('%s has two broken sections and a correct twin', (id) => {
    const files = new Set(cases.map(({ file }) => file).filter((file) => file.startsWith(`${id}/`)));
    const broken = [...files].filter((file) => file.includes('/bad-'));
    expect(broken.length).toBeGreaterThanOrEqual(2);
    expect([...files].some((file) => file.includes('/good-'))).toBe(true);
  });
});

describe('the objects are those of the sources (test/corpus/build.sh makes them)', () => {
  const folder = fileURLToPath(new URL('../corpus/', import.meta.url));
  const manifest = JSON.parse(readFileSync(`${folder}build/manifest.json`, 'utf8')) as Record<
    string,
    { object: string; sha256: string }
  >;
  it.each(Object.entries(manifest))('%s', (source, { object, sha256 }) => {
    expect(
      createHash('sha256')
        .update(readFileSync(`${folder}${source}`))
        .digest('hex'),
    ).toBe(sha256);
    expect(existsSync(`${folder}${object}`)).toBe(true);
  });
});

function checkCase(each: CorpusCase) {
  const image = readImage(readFileSync(each.object), each.file);
  const result = checkImage(image, {
    kernel: each.kernel,
    debugRseq: each.debug,
    ...(each.signature !== undefined && { signature: each.signature }),
  });
  return { ...result, image };
}

function isAt(
  image: ReturnType<typeof readImage>,
  finding: Finding,
  place: string,
  each: CorpusCase,
  want: Expectation,
): boolean {
  if (place === '*') return true;
  if (place === 'marker') {
    const line = finding.line?.line;
    return (
      line !== undefined &&
      (each.source[line - 1] ?? '').includes(`<-- `) &&
      (each.source[line - 1] ?? '').includes(want.rule)
    );
  }
  const symbol = image.symbols.find(({ name }) => name === place);
  if (symbol?.address === undefined || finding.at === undefined) return false;
  // A finding may name one field of the descriptor that the symbol stands for.
  const distance = finding.at - symbol.address;
  return distance >= 0 && distance < 32;
}
