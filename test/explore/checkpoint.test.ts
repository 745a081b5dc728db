import { describe, expect, it } from 'vitest';
import { rseqlab } from '../cli/command.js';

/** What depends on the machine. */
const ofTheMachine = /^ {2}took .*\n/m;

const EXAMPLES = ['freeze', 'freeze-keep', 'freeze-late', 'freeze-stale', 'thaw', 'thaw-active', 'thaw-after', 'thaw-flags'] as const; // biome-ignore format: names

/** The examples of examples/checkpoint, as a user sees them. `npm run accept` takes what is printed now as right. */
describe('rseqlab explore, of checkpointers', () => {
  it.each(EXAMPLES)('%s', async (name) => {
    const cpus = name.startsWith('freeze') ? '1' : '2';
    const words = [
      'explore',
      '--kernel',
      '6.18',
      '--cpus',
      cpus,
      '--jobs',
      '1',
      `examples/checkpoint/${name}.o`,
    ];
    const { status, stdout, stderr } = rseqlab(words);
    const text = `$ rseqlab ${words.join(' ')}\n${stdout.replace(ofTheMachine, '')}${stderr}[exit status ${status}]\n`;
    await expect(text).toMatchFileSnapshot(`../fixtures/cli/transcripts/explore-${name}.txt`);
  });
});
