import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { Log } from 'sarif';
import { beforeAll, describe, expect, it } from 'vitest';
import { RULES } from '../../src/check/rules/index.js';
import { ROOT, rseqlab } from './command.js';

const INPUTS = ['test/corpus/build', 'test/corpus/linked', 'test/fixtures/cli/arch'];

const read = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(`${ROOT}${path}`, 'utf8')) as Record<string, unknown>;

function validator(schema: Record<string, unknown>) {
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  formats.default(ajv);
  return ajv.compile(schema);
}

describe('--format json', () => {
  it('of the whole corpus follows docs/schema/check-1.schema.json', () => {
    const { stdout, stderr } = rseqlab(['check', '--kernel', '6.18', '--format', 'json', ...INPUTS]);
    expect(stderr).toBe('');
    const validate = validator(read('docs/schema/check-1.schema.json'));
    validate(JSON.parse(stdout));
    expect(validate.errors ?? []).toEqual([]);
  });

  it('counts what it lists', () => {
    const { stdout } = rseqlab(['check', '--kernel', '6.18', '--format', 'json', ...INPUTS]);
    const value = JSON.parse(stdout) as {
      schema: string;
      summary: Record<string, number>;
      files: { sections: unknown[]; findings: { severity: string }[] }[];
    };
    const findings = value.files.flatMap((file) => file.findings);
    const of = (severity: string) => findings.filter((finding) => finding.severity === severity).length;
    expect(value.schema).toBe('rseqlab.check/1');
    expect(value.summary).toMatchObject({
      errors: of('error'),
      warnings: of('warning'),
      notes: of('note'),
      sections: value.files.flatMap((file) => file.sections).length,
    });
    expect(of('error')).toBeGreaterThan(50);
  });

  it('names no address that is not in the file: a relocatable one has only places in sections', () => {
    const { stdout } = rseqlab(['check', '--format', 'json', 'examples/check/counter.o']);
    const [file] = (
      JSON.parse(stdout) as { files: { sections: { startIp: string }[]; findings: { section: string }[] }[] }
    ).files;
    expect(file?.findings.map(({ section }) => section)).toEqual([file?.sections[0]?.startIp]);
  });
});

describe('--format sarif', () => {
  let log: Log;

  beforeAll(() => {
    const { stdout } = rseqlab(['check', '--kernel', '6.18', '--format', 'sarif', ...INPUTS]);
    log = JSON.parse(stdout) as Log;
  });

  it('of the whole corpus follows the schema of SARIF 2.1.0', () => {
    // Draft 4 calls it `id`; nothing else of the schema differs between draft 4 and draft 7.
    const { $schema: _, id: __, ...schema } = read('test/fixtures/cli/sarif-2.1.0.schema.json');
    const validate = validator(schema);
    validate(log);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ ...log, version: '2.0.0' })).toBe(false);
  });

  it('describes every rule, and each result points at its own', () => {
    const [run] = log.runs;
    expect(run?.tool.driver.rules?.map(({ id }) => id)).toEqual(RULES.map(({ id }) => id));
    const results = run?.results ?? [];
    expect(results.length).toBeGreaterThan(100);
    for (const { ruleId, ruleIndex } of results)
      expect(run?.tool.driver.rules?.[ruleIndex ?? -1]?.id).toBe(ruleId);
  });

  it('gives the line of the source where there is one', () => {
    const lines = (log.runs[0]?.results ?? []).filter(
      ({ locations }) => locations?.[0]?.physicalLocation?.region?.startLine !== undefined,
    );
    expect(lines.length).toBeGreaterThan(50);
  });

  it('keeps a fingerprint the same when code moves', () => {
    const prints = (log.runs[0]?.results ?? []).map(
      ({ partialFingerprints }) => partialFingerprints?.['rseqlab/1'],
    );
    for (const print of prints) expect(print).not.toMatch(/0x[0-9a-f]/);
  });
});

describe('--format github', () => {
  it('gives one workflow command a finding, with line ends and commas escaped', () => {
    const args = ['check', '--kernel', '6.18', '--fail-on', 'never'];
    const objects = readdirSync(`${ROOT}test/corpus/build/arming-gap`).map(
      (name) => `test/corpus/build/arming-gap/${name}`,
    );
    const { stdout } = rseqlab([...args, '--format', 'github', ...objects]);
    const { summary } = JSON.parse(rseqlab([...args, '--format', 'json', ...objects]).stdout) as {
      summary: { errors: number; warnings: number; notes: number };
    };
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(summary.errors + summary.warnings + summary.notes);
    for (const line of lines)
      expect(line).toMatch(/^::(error|warning|notice) file=[^,:]+(,line=\d+)?,title=rseqlab [a-z-]+::\S.*$/);
  });

  it('prints nothing where nothing was found', () => {
    expect(rseqlab(['check', '--format', 'github', 'examples/check/counter-mended.o'])).toMatchObject({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });
});
