import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIN, ROOT } from '../cli/command.js';
import { reason, title } from '../linux/here.js';

const CASES = Number(process.env['CASES'] ?? 200);
const FIXTURES = join(ROOT, 'test/fixtures/live');
/** Each takes a few tenths of a second, makes calls from watched places, and says what came of it. */
const PROGRAMS: readonly (readonly [tool: string, program: string[], output: RegExp])[] = [
  ['enforce', ['calls', 'threads'], /^begun\n12 committed\n$/],
  ['enforce', ['calls', 'fork'], /^begun\n1 committed\n$/],
  ['annotate', ['annotated', 'handlers'], /^begun\n\d+ calls, \d+ handlers\n$/],
  ['annotate', ['annotated', 'jumps'], /^begun\n\d+ jumps\n$/],
  ['annotate', ['annotated', 'threads'], /^begun\ndone\n$/],
  ['annotate', ['annotated', 'restart'], /^begun\nread gives 1 x, 1 signals handled\n$/],
];

/** Runs a program under a tool that is killed after so many milliseconds; what the program has printed in the end. */
async function killed(tool: string, [program, ...words]: string[], after: number): Promise<string> {
  const script = `echo begun; exec ${[join(FIXTURES, program!), ...words].join(' ')}`;
  const child = spawn(process.execPath, [BIN, tool, '--', 'sh', '-c', script], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), after);
  // Closed by whoever has it last: the program, or the tool that was killed before it began.
  await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  return output;
}

describe.skipIf(reason !== undefined)(title('a program whose tool is killed at any moment'), () => {
  it.each(PROGRAMS)('%s %j', async (tool, program, expected) => {
    const begin = performance.now();
    expect(await killed(tool, program, 100_000)).toMatch(expected);
    const whole = performance.now() - begin;
    let lived = 0;
    const count = Math.ceil(CASES / PROGRAMS.length);
    for (let n = 0; n < count; n++) {
      const output = await killed(tool, program, (whole * n) / count);
      if (output === '') continue;
      expect(output).toMatch(expected);
      lived++;
    }
    expect(lived).toBeGreaterThan(0);
  });
});
