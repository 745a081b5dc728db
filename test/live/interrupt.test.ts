/** Ctrl-C on a terminal reaches the command as well as the tool: the tool tells what it saw until then. */
import { existsSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Live } from '../cli/live.js';
import { reason, title } from '../linux/here.js';

const COUNTERS = 'examples/stress/counters';
const WAITS = ['sh', '-c', 'echo it begins; exec sleep 1000'];

describe.skipIf(reason !== undefined || !existsSync('/usr/bin/script'))(title('Ctrl-C', reason), () => {
  it.each([
    [
      ['stress', '--', COUNTERS, 'good', '2', '1000000000000'],
      /points, [1-9]\d* aborts/,
      3,
      /inconclusive: broken off: examples\/stress\/counters was aborted at/,
    ],
    [['annotate', '--sweep', '--', ...WAITS], /it begins/, 3, /broken off: 0 annotated calls/],
    [['explain', '--', ...WAITS], /it begins/, 0, /the command was killed by SIGINT/],
    [['step', '--', ...WAITS], /it begins/, 3, /there was no such section/],
    [['enforce', '--', ...WAITS], /it begins/, 130, /no system call inside .* ended by SIGINT/],
  ] as const)('ends %j with what was seen', async (args, begun, status, said) => {
    const live = new Live(args, { terminal: true });
    await live.until(({ stdout }) => begun.test(stdout));
    live.write('\u0003');
    expect(await live.status(), live.stdout).toBe(status);
    expect(stripVTControlCharacters(live.stdout)).toMatch(said);
  });
});
