import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../corpus/', import.meta.url));

/** One expectation of a corpus file's header; README.md there is the grammar. */
export interface Expectation {
  readonly rule: string;
  readonly severity: string;
  readonly places: readonly string[];
}

/** One run of the checker that a corpus file asks for. */
export interface CorpusCase {
  readonly file: string;
  readonly object: string;
  readonly source: readonly string[];
  readonly kernel: string;
  readonly debug: boolean;
  readonly signature: number | undefined;
  readonly expected: readonly Expectation[];
  readonly allowed: readonly Expectation[];
}

const parse = (text: string): Expectation => {
  const [rule, severity, place] = text.trim().split(/\s+/);
  return { rule: rule!, severity: severity!, places: place!.replace(/^@/, '').split('|') };
};

/** Every source of the corpus with its object, once a kernel that its header names. */
export function corpusCases(): CorpusCase[] {
  const cases: CorpusCase[] = [];
  for (const folder of readdirSync(join(ROOT, 'build')).sort()) {
    if (!existsSync(join(ROOT, folder)) || folder.endsWith('.json')) continue;
    for (const object of readdirSync(join(ROOT, 'build', folder)).sort()) {
      if (object.endsWith('.o')) cases.push(...casesOf(folder, object));
    }
  }
  return cases;
}

function casesOf(folder: string, object: string): CorpusCase[] {
  const name = object.replace(/\.o$/, '');
  const source = readFileSync(join(ROOT, folder, `${name}.s`), 'utf8').split('\n');
  const header = source
    .filter((line) => /^(#|\/\/) \S/.test(line))
    .map((line) => line.replace(/^(#|\/\/) /, ''));
  const signature = header.find((line) => line.startsWith('signature:'))?.split(/\s+/)[1];
  const allowed = header.filter((line) => line.startsWith('may:')).map((line) => parse(line.slice(4)));
  const byKernel = new Map<string, Expectation[]>();
  for (const line of header) {
    const match = /^expect(?:\[(.+?)\])?:(.*)$/.exec(line);
    if (!match) continue;
    const kernel = match[1] ?? '6.18';
    byKernel.set(kernel, [...(byKernel.get(kernel) ?? []), parse(match[2]!)]);
  }
  if (byKernel.size === 0) byKernel.set('6.18', []);
  return [...byKernel].map(([kernel, expected]) => ({
    file: `${folder}/${name}.s`,
    object: join(ROOT, 'build', folder, object),
    source,
    kernel: kernel.split('+')[0]!,
    debug: kernel.endsWith('+debug'),
    signature: signature === undefined ? undefined : Number(signature),
    expected,
    allowed,
  }));
}
