import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RULES } from '../../src/check/rules/index.js';
import { ruleText } from '../../src/report/rule-page.js';
import { oneErrorLine, ROOT, rseqlab, withFolder } from './command.js';

const CORPUS = 'test/corpus/build';
const BAD = `${CORPUS}/arming-gap/bad-1.o`;
const GOOD = `${CORPUS}/arming-gap/good-1.o`;
/** Corpus objects that give one warning or one note, and nothing worse. */
const WARNING = `${CORPUS}/store-before-commit/bad-2.o`;
const NOTE = `${CORPUS}/syscall-last/bad-1.o`;

/** Judges by one kernel, so that the machine the test runs on does not matter. */
const check = (...args: string[]) => rseqlab(['check', '--kernel', '6.18', ...args]);

interface CheckJson {
  readonly kernel: string;
  readonly summary: { readonly files: number; readonly sections: number; readonly errors: number };
  readonly files: readonly {
    readonly file: string;
    readonly limits: readonly string[];
    readonly findings: readonly { readonly rule: string; readonly severity: string }[];
  }[];
}

const json = (...args: string[]): CheckJson =>
  JSON.parse(check('--format', 'json', ...args).stdout) as CheckJson;
const rulesFound = (...args: string[]): string[] =>
  json(...args).files.flatMap(({ findings }) => findings.map(({ rule }) => rule));

describe('exit status', () => {
  it.each([
    [0, [GOOD]],
    [1, [BAD]],
    [1, [GOOD, BAD]],
    [0, [WARNING]],
    [1, ['--fail-on', 'warning', WARNING]],
    [1, ['--fail-on', 'note', WARNING]],
    [0, ['--fail-on', 'warning', NOTE]],
    [1, ['--fail-on', 'note', NOTE]],
    [1, ['--fail-on', 'error', BAD]],
    [0, ['--fail-on', 'never', BAD]],
  ] as const)('%i for check %j', (status, args) => {
    const ran = check(...args);
    expect(ran).toMatchObject({ status, stderr: '' });
  });

  it('does not depend on the format', () => {
    for (const format of ['text', 'json', 'sarif', 'github']) {
      expect(check('--format', format, BAD).status, format).toBe(1);
      expect(check('--format', format, GOOD).status, format).toBe(0);
    }
  });
});

describe('--rule and --ignore', () => {
  const TWO = `${CORPUS}/no-cpu-check/bad-1.o`;

  it('--rule keeps the rules named, comma separated or repeated', () => {
    expect(rulesFound('--rule', 'no-cpu-check', TWO, BAD)).toEqual(['no-cpu-check']);
    expect(rulesFound('--rule', 'no-cpu-check,arming-gap', TWO, BAD)).toEqual(['no-cpu-check', 'arming-gap']);
    expect(rulesFound('--rule', 'no-cpu-check', '--rule', 'arming-gap', TWO, BAD)).toHaveLength(2);
    expect(check('--rule', 'syscall-last', BAD).status).toBe(0);
  });

  it('--ignore leaves a rule out, everywhere or in one function', () => {
    expect(rulesFound(BAD)).toContain('arming-gap');
    expect(rulesFound('--ignore', 'arming-gap', BAD)).not.toContain('arming-gap');
    expect(check('--ignore', 'arming-gap@increment', BAD).status).toBe(0);
    expect(check('--ignore', 'arming-gap@decrement', BAD).status).toBe(1);
    expect(check('--ignore', 'no-cpu-check@increment', BAD).status).toBe(1);
  });

  it.each(['--rule', '--ignore', '--explain'])(
    '%s with an unknown rule is an error that lists the rules',
    (option) => {
      const line = oneErrorLine(rseqlab(['check', option, 'arming-gab', BAD]));
      expect(line).toContain('there is no rule arming-gab');
      for (const { id } of RULES) expect(line).toContain(id);
    },
  );

  it('--explain says what a rule means, why, where, and how to mend it', () => {
    const { status, stdout, stderr } = rseqlab(['check', '--explain', 'arming-gap']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe(ruleText(RULES.find(({ id }) => id === 'arming-gap')!));
    for (const rule of RULES) {
      const text = ruleText(rule);
      expect(text).toMatch(new RegExp(`^${rule.id} \\((error|warning|note)\\)\n`));
      for (const part of ['What happens', 'Kernels', 'How to mend it', `--ignore ${rule.id}`])
        expect(text).toContain(part);
    }
  });

  it('--explain without a rule lists them, a line each', () => {
    const { status, stdout } = rseqlab(['check', '--explain']);
    expect(status).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ')),
    ).toEqual(RULES.map(({ id, severity, summary }) => `${id} ${severity} ${summary}`));
  });

  it('--rule that names none is an error, not all of them', () => {
    for (const none of ['', ','])
      expect(oneErrorLine(rseqlab(['check', '--rule', none, BAD]))).toMatch(/--rule names no rule/);
  });
});

describe('--kernel', () => {
  const FLAGS = `${CORPUS}/descriptor-flags/bad-1.o`;
  const judged = (...args: string[]) => {
    const { stdout, status } = rseqlab(['check', '--format', 'json', ...args, FLAGS]);
    const result = JSON.parse(stdout) as CheckJson;
    return [status, result.kernel, result.files[0]?.findings.map(({ severity }) => severity)];
  };

  it('changes the verdict where the kernels differ', () => {
    expect(judged('--kernel', '6.18')).toEqual([1, '6.18', ['error']]);
    expect(judged('--kernel', '6.19')).toEqual([0, '6.19', ['note']]);
    expect(judged('--kernel', '6.19', '--debug-rseq')).toEqual([1, '6.19', ['error']]);
    expect(judged('--kernel', '7.1')).toEqual([0, '7.1', ['note']]);
  });

  it('takes the names of distributions and release candidates', () => {
    expect(judged('--kernel', '6.18.44-foo')[0]).toBe(1);
    expect(judged('--kernel', 'v7.1-rc3')[0]).toBe(0);
  });

  it('without it takes a kernel by itself, and says which', () => {
    expect(rseqlab(['check', GOOD]).stdout).toMatch(/judged by Linux \d+\.\d+/);
  });

  it.each(['nonsense', '3.10', '', '6', '-1'])('refuses %j with a remedy', (version) => {
    const line = oneErrorLine(rseqlab(['check', `--kernel=${version}`, GOOD]));
    expect(line).toContain(`--kernel ${version}`);
    expect(line).toContain('6.18');
  });
});

describe('--signature', () => {
  const OWN = `${CORPUS}/correct/own-signature.o`;

  it('is what must stand in front of abort handlers', () => {
    expect(rulesFound(OWN)).toContain('abort-signature');
    expect(check('--signature', '0x7a11ab1e', OWN).status).toBe(0);
    expect(check('--signature', String(0x7a11ab1e), OWN).status).toBe(0);
    expect(check('--signature', '0x7a11ab1e', GOOD).status).toBe(1);
  });

  it.each(['zz', '-1', '0x100000000', '1.5', ''])('refuses %j', (value) => {
    expect(oneErrorLine(rseqlab(['check', `--signature=${value}`, GOOD]))).toContain('0x53053053');
  });
});

describe('what is looked at', () => {
  it('several files, in the order given', () => {
    expect(json(BAD, GOOD, WARNING).files.map(({ file }) => file)).toEqual([BAD, GOOD, WARNING]);
  });

  it('every member of an archive, under its own name', () => {
    const { files } = json('test/corpus/linked/archive.a');
    expect(files.map(({ file }) => file.replace(/^.*\//, ''))).toEqual([
      'archive.a(correct-increment.o)',
      'archive.a(no-cpu-check-bad-1.o)',
      'archive.a(store-before-commit-bad-2.o)',
    ]);
  });

  it('every ELF file below a directory, whatever else is there', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'deep/er'), { recursive: true });
      cpSync(join(ROOT, BAD), join(folder, 'deep/er/bad.o'));
      cpSync(join(ROOT, 'test/corpus/linked/archive.a'), join(folder, 'lib.a'));
      cpSync(join(ROOT, 'test/corpus/linked/pie'), join(folder, 'program'));
      writeFileSync(join(folder, 'notes.txt'), 'text');
      writeFileSync(join(folder, 'empty'), '');
      writeFileSync(join(folder, 'damaged.o'), readFileSync(join(ROOT, BAD)).subarray(0, 100));
      const result = json(folder);
      expect(result.files.map(({ file }) => file.slice(folder.length + 1))).toEqual([
        'deep/er/bad.o',
        'lib.a(correct-increment.o)',
        'lib.a(no-cpu-check-bad-1.o)',
        'lib.a(store-before-commit-bad-2.o)',
        'program',
      ]);
      expect(check(folder).status).toBe(1);
    });
  });

  it.each(
    readdirSync(join(ROOT, 'test/fixtures/cli/arch'))
      .filter((name) => name.endsWith('.o'))
      .map((name) => [name]),
  )('the descriptor alone in %s, and says so', (name) => {
    const [file] = json(`test/fixtures/cli/arch/${name}`).files;
    expect(file?.limits.join()).toMatch(/is not decoded: only the rules about descriptors/);
    expect(file?.findings.map(({ rule }) => rule)).toEqual(['descriptor-version']);
  });
});
