import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, oneErrorLine, ROOT, rseqlab, shell, withFolder } from './command.js';

const BAD = 'examples/check/counter.o';
const FAULTS = ['check', '--kernel', '6.18', BAD] as const;
const ESCAPE = '\u001b';

describe('-o', () => {
  const plain = rseqlab(FAULTS).stdout;

  it('writes what would have been printed, prints nothing and leaves nothing else behind', () => {
    withFolder((folder) => {
      const file = join(folder, 'report.txt');
      expect(rseqlab([...FAULTS, '-o', file])).toEqual({ status: 1, stdout: '', stderr: '' });
      expect(readFileSync(file, 'utf8')).toBe(plain);
      expect(readdirSync(folder)).toEqual(['report.txt']);
    });
  });

  it.each(['json', 'sarif', 'github'])('in the format %s too', (format) => {
    withFolder((folder) => {
      const file = join(folder, 'report');
      rseqlab([...FAULTS, '--format', format, '--output', file]);
      expect(readFileSync(file, 'utf8')).toBe(rseqlab([...FAULTS, '--format', format]).stdout);
    });
  });

  it('replaces an older report, also behind a symbolic link', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'there'));
      const real = join(folder, 'there/report');
      const link = join(folder, 'link');
      writeFileSync(real, 'old');
      symlinkSync(real, link);
      rseqlab([...FAULTS, '-o', link]);
      expect(readFileSync(real, 'utf8')).toBe(plain);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
    });
  });

  it('keeps the older report when the input is bad', () => {
    withFolder((folder) => {
      const file = join(folder, 'report');
      writeFileSync(file, 'old');
      oneErrorLine(rseqlab(['check', BAD, 'package.json', '-o', file]));
      expect(readFileSync(file, 'utf8')).toBe('old');
      expect(readdirSync(folder)).toEqual(['report']);
    });
  });

  it('says why it cannot write, and leaves nothing behind', () => {
    withFolder((folder) => {
      const file = join(folder, 'none/report');
      expect(oneErrorLine(rseqlab([...FAULTS, '-o', file]))).toContain(
        `cannot write ${file}: there is no such file`,
      );
      expect(oneErrorLine(rseqlab([...FAULTS, '-o', folder]))).toContain('it is a directory');
      expect(oneErrorLine(rseqlab([...FAULTS, '-o', '/dev/full']))).toContain('no space left');
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it('writes into a device or a pipe, and does not replace it by a file', () => {
    expect(rseqlab([...FAULTS, '-o', '/dev/null'])).toEqual({ status: 1, stdout: '', stderr: '' });
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    expect(shell(`rseqlab ${FAULTS.join(' ')} -o >(cat) | cat`).stdout).toBe(plain);
  });
});

describe('colour', () => {
  /** Runs the command on a terminal: util-linux' script makes one. It uses $SHELL, which may know nothing of bash's functions. */
  const onTerminal = (args: string, env: NodeJS.ProcessEnv = {}) =>
    shell(`script -qec "'${process.execPath}' '${BIN}' ${args}" /dev/null 2>/dev/null`, {
      TERM: 'xterm',
      ...env,
    });
  const terminal = shell('command -v script').status === 0;
  const command = FAULTS.join(' ');

  it('is never written to a pipe, not even when the environment asks for it', () => {
    expect(rseqlab(FAULTS).stdout).not.toContain(ESCAPE);
    expect(rseqlab(FAULTS, { FORCE_COLOR: '1', CLICOLOR_FORCE: '1', TERM: 'xterm' }).stdout).not.toContain(
      ESCAPE,
    );
  });

  it.skipIf(!terminal)('is written to a terminal, unless --no-color or NO_COLOR says no', () => {
    expect(onTerminal(command).stdout).toContain(`${ESCAPE}[1;31merror${ESCAPE}[0m`);
    expect(onTerminal(`${command} 2>/dev/null --no-color`).stdout).not.toContain(ESCAPE);
    expect(onTerminal(`${command} 2>/dev/null`, { NO_COLOR: '1' }).stdout).not.toContain(ESCAPE);
    // no-color.org: an empty value counts as not set.
    expect(onTerminal(`${command} 2>/dev/null`, { NO_COLOR: '' }).stdout).toContain(ESCAPE);
  });

  it.skipIf(!terminal)('leaves the text as it is', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const bare = onTerminal(`${command} 2>/dev/null`).stdout.replace(/\u001b\[[0-9;]*m/g, '');
    expect(bare.replaceAll('\r\n', '\n')).toBe(rseqlab(FAULTS).stdout);
  });

  it.skipIf(!terminal)('of -o is never written, the file is no terminal', () => {
    withFolder((folder) => {
      const file = join(folder, 'report');
      onTerminal(`${command} -o ${file}`);
      expect(readFileSync(file, 'utf8')).not.toContain(ESCAPE);
    });
  });

  it('and progress are no part of a report: nothing on standard error when it is no terminal', () => {
    expect(rseqlab(['check', 'test/corpus/build']).stderr).toBe('');
  });
});

describe('a reader that goes away', () => {
  it.each([
    'check --format json test/corpus/build',
    'check test/corpus/build',
    'sections test/corpus/build',
    'check --help',
    '--help',
    'check --explain arming-gap',
  ])('%s | head -1', (args) => {
    const { stdout, stderr } = shell(`rseqlab ${args} | head -1`);
    expect(stdout).toMatch(/^[^\n]+\n$/);
    expect(stderr).toBe('');
    expect(shell(`rseqlab ${args} | true`).stderr).toBe('');
  });

  it('and a slow one gets everything', () => {
    const all = rseqlab(['check', '--format', 'json', 'test/corpus/build']).stdout;
    const slow = shell(
      'rseqlab check --format json test/corpus/build | (read -r first; echo "$first"; sleep 0.3; cat)',
    );
    expect(slow.stdout).toBe(all);
    expect(all.length).toBeGreaterThan(200_000);
  });

  it('and a full disk is one error line', () => {
    const { status, stderr } = shell(`rseqlab ${FAULTS.join(' ')} > /dev/full`);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'rseqlab: cannot write the result: no space left on the device\n',
    });
  });
});

describe('names that hold anything', () => {
  it('reach neither the terminal nor the lines of the report', () => {
    withFolder((folder) => {
      const file = join(folder, `evil\n${ESCAPE}[31mname.o`);
      writeFileSync(file, readFileSync(join(ROOT, 'test/fixtures/cli/arch/s390x.o')));
      const { stdout } = rseqlab(['check', file]);
      expect(stdout).not.toContain(ESCAPE);
      expect(stdout).toContain('evil\\x0a\\x1b[31mname.o');
      writeFileSync(file, 'text');
      expect(oneErrorLine(rseqlab(['check', file]))).toContain('evil\\x0a\\x1b[31mname.o');
      expect(rseqlab(['sections', 'examples/check/counter.o', file]).stderr).not.toContain(ESCAPE);
    });
  });
});

describe('rights', () => {
  it.skipIf(process.getuid?.() === 0)('a folder that may not be written to is one error line', () => {
    withFolder((folder) => {
      chmodSync(folder, 0o500);
      expect(oneErrorLine(rseqlab([...FAULTS, '-o', join(folder, 'x')]))).toContain('permission denied');
      expect(existsSync(join(folder, 'x'))).toBe(false);
    });
  });
});
