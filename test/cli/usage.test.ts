import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, oneErrorLine, ROOT, rseqlab, withFolder } from './command.js';

const COMMANDS = ['check', 'explore', 'run', 'replay', 'sections'];

describe('wrong usage is one line that says what is wrong', () => {
  it.each([
    [['chek'], /unknown command 'chek' \(Did you mean check\?\)/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['--frobnicate'], /unknown option '--frobnicate'/],
    [['check', '--frobnicate', 'x'], /unknown option '--frobnicate'/],
    [['check', '--formt', 'json', 'x'], /unknown option '--formt' \(Did you mean --format\?\)/],
    [['check', '--format', 'yaml', 'x'], /'yaml' is invalid.*text, json, sarif, github/],
    [['check', '--format'], /argument missing/],
    [['check', '--fail-on', 'all', 'x'], /'all' is invalid.*error, warning, note, never/],
    [['check'], /no file given.*--help/],
    [['sections'], /no file given/],
    [['sections', '--format', 'sarif', 'x'], /'sarif' is invalid.*text, json/],
    [['sections', '--signature', 'x', 'examples/check/counter.o'], /--signature x: not a 32-bit number/],
  ])('%j', (args, message) => {
    expect(oneErrorLine(rseqlab(args))).toMatch(message);
  });
});

describe('help', () => {
  it.each(COMMANDS)('of %s has examples', (command) => {
    const { status, stdout, stderr } = rseqlab([command, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const examples = stdout.slice(stdout.indexOf('Examples:')).match(/^ {2}rseqlab .+$/gm) ?? [];
    expect(examples.length).toBeGreaterThanOrEqual(2);
    for (const example of examples) expect(example).toContain(`rseqlab ${command} `);
  });

  it('names every command', () => {
    const { status, stdout } = rseqlab(['--help']);
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it('the options its examples use exist', () => {
    for (const command of COMMANDS) {
      const { stdout } = rseqlab([command, '--help']);
      const [options, examples] = stdout.split('Examples:') as [string, string];
      for (const [line] of examples.matchAll(/^ {2}rseqlab .*$/gm))
        for (const [option] of line.matchAll(/(?<= )--?[a-z][a-z-]*/g)) expect(options).toContain(option);
    }
  });
});

it('--version is that of the package', () => {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
  expect(rseqlab(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

describe('sections', () => {
  it('lists them, and by which way each was found', () => {
    const { status, stdout } = rseqlab([
      'sections',
      'examples/check/counter.o',
      'test/corpus/linked/stripped',
    ]);
    expect(status).toBe(0);
    expect(stdout.match(/found by .*/g)).toHaveLength(2);
    expect(stdout).toMatch(/found by .*cs-section/);
  });

  it('is no check: a broken section is status 0', () => {
    expect(rseqlab(['sections', 'examples/check/counter.o']).status).toBe(0);
  });

  it('--format json holds what check says of them', () => {
    const inputs = ['test/corpus/linked', 'test/corpus/build/correct'];
    const read = (command: string) =>
      JSON.parse(rseqlab([command, '--format', 'json', ...inputs]).stdout) as {
        schema: string;
        files: { file: string; sections: unknown[] }[];
      };
    const [listed, checked] = [read('sections'), read('check')];
    expect(listed.schema).toBe('rseqlab.sections/1');
    const places = ({ files }: typeof listed) => files.map(({ file, sections }) => ({ file, sections }));
    expect(places(listed)).toEqual(places(checked));
    expect(listed.files.length).toBeGreaterThan(30);
  });

  it('takes the signature that finds sections of a stripped program', () => {
    const found = (...args: string[]) =>
      (
        JSON.parse(rseqlab(['sections', '--format', 'json', ...args]).stdout) as {
          files: { sections: { foundBy: string[] }[] }[];
        }
      ).files[0]?.sections[0]?.foundBy;
    const own = 'test/corpus/build/correct/own-signature.o';
    expect(found(own)).not.toContain('signature');
    expect(found('--signature', '0x7a11ab1e', own)).toContain('signature');
  });
});

it('a checkout that is not built says so in one line', () => {
  withFolder((folder) => {
    const copy = join(folder, 'with space', 'bin');
    cpSync(dirname(BIN), copy, { recursive: true });
    writeFileSync(join(folder, 'with space', 'package.json'), '{ "type": "module" }');
    const run = spawnSync(process.execPath, [join(copy, 'rseqlab.js'), 'check', 'x'], { encoding: 'utf8' });
    expect(oneErrorLine(run)).toMatch(/not built yet.*npm run setup/);
  });
});

describe("V8's code, kept by the build", () => {
  const cached = /^rseqlab\.cjs\.v.*\.cache$/;
  const wanted = rseqlab(['check', '--explain']);

  /** The command of a copy of the package, with something done to the kept code. */
  function ran(change: (code: Buffer) => Buffer | undefined) {
    return withFolder((folder) => {
      mkdirSync(join(folder, 'dist/cli'), { recursive: true });
      cpSync(dirname(BIN), join(folder, 'bin'), { recursive: true });
      cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
      const built = join(ROOT, 'dist/cli');
      for (const file of readdirSync(built).filter((name) => name === 'rseqlab.cjs' || cached.test(name))) {
        const content = readFileSync(join(built, file));
        const changed = cached.test(file) ? change(content) : content;
        if (changed !== undefined) writeFileSync(join(folder, 'dist/cli', file), changed);
      }
      const args = [join(folder, 'bin/rseqlab.js'), 'check', '--explain'];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      return { status, stdout, stderr };
    });
  }

  it('is there for the Node that has built it, and V8 takes it', () => {
    const bundle = join(ROOT, 'dist/cli/rseqlab.cjs');
    const { compile } = createRequire(BIN)('./load.js');
    expect(compile(bundle).cachedDataRejected).toBe(false);
  });

  it.each<[string, (code: Buffer) => Buffer | undefined]>([
    ['missing', () => undefined],
    ['empty', () => Buffer.alloc(0)],
    ['cut off', (code) => code.subarray(0, code.length / 2)],
    ['damaged', (code) => code.map((byte, at) => (at % 1000 === 999 ? byte ^ 0xff : byte)) as Buffer],
    ["another bundle's", (code) => Buffer.concat([Buffer.from([1, 2, 3, 4]), code.subarray(4)])],
    ['as built', (code) => code],
  ])('%s: the command works all the same', (_, change) => {
    expect(ran(change)).toEqual(wanted);
  });
});

it('a bug of ours is one line without a stack trace, and RSEQLAB_DEBUG shows it', () => {
  withFolder((folder) => {
    // A JSON.stringify that fails stands for the bug.
    writeFileSync(join(folder, 'bug.mjs'), "JSON.stringify = () => { throw new TypeError('boom'); };");
    const run = (env: NodeJS.ProcessEnv) =>
      rseqlab(['check', '--format', 'json', 'examples/check/counter.o'], {
        NODE_OPTIONS: `--import=${join(folder, 'bug.mjs')}`,
        ...env,
      });
    expect(oneErrorLine(run({}))).toMatch(/internal error: boom; this is a bug in rseqlab/);
    expect(run({ RSEQLAB_DEBUG: '1' }).stderr).toMatch(/TypeError: boom\n\s+at /);
  });
});
