import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/check/rules/index.js';
import { rseqlab, shell } from '../cli/command.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const EXAMPLES = readdirSync(join(ROOT, 'examples'));
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...EXAMPLES.map((name) => `examples/${name}/README.md`),
];

describe('the documents', () => {
  it('show what the command prints today', () => {
    // The transcript is held to the command by test/cli; its first and last line are of the shell.
    const printed = read('test/fixtures/cli/transcripts/check-example.txt')
      .split('\n')
      .slice(1, -2)
      .join('\n');
    expect(read('README.md')).toContain(`$ node bin/rseqlab.js check examples/check/counter.o\n${printed}\n`);
  });

  it.each(['README.md', 'docs/explore.md'])('%s shows what explore and replay print today', (page) => {
    const shown = [
      ...read(page).matchAll(/\n```\n\$ node bin\/rseqlab\.js ((?:explore|replay) .*)\n([^`]*)```\n/g),
    ];
    expect(shown.length).toBeGreaterThan(1);
    for (const [, command, text] of shown) {
      const { stdout } = shell(`rseqlab ${command}`);
      // Between dots there is more.
      for (const part of text!.split(/^\.\.\.$/m))
        expect(stdout).toContain(part.trimEnd().replace(/^\n/, ''));
    }
  });

  it('show how a crash is explained today', () => {
    const printed = read('test/fixtures/cli/transcripts/run-violation-version.txt');
    expect(read('docs/run.md')).toContain(
      `$ node bin/rseqlab.js run test/fixtures/run/parts violate version\n${printed}`,
    );
  });

  it('show what the program with a gap prints under --schedule aborts today', () => {
    const command = ['run', '--schedule', 'aborts', 'examples/run/counter-gap'];
    const { stdout } = rseqlab(command);
    expect(read('docs/run.md')).toContain(`$ node bin/rseqlab.js ${command.join(' ')}\n${stdout}\`\`\`\n`);
  });

  it('count the rules right', () => {
    for (const page of ['README.md', 'CHANGELOG.md'])
      expect(read(page).match(/\d+(?= rules)/g)).toEqual([`${RULES.length}`]);
  });

  it.each(PAGES)('%s names files and scripts that exist', (page) => {
    const text = read(page);
    const linked = [...text.matchAll(/\]\(([^)#]+)/g)].map((match) => match[1]!);
    expect(
      linked.filter((to) => !to.startsWith('http') && !existsSync(join(ROOT, dirname(page), to))),
    ).toEqual([]);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1]!);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });
});
