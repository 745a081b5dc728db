import { describe, expect, it } from 'vitest';
import { rseqlab } from './command.js';

/** Text as a user sees it. `npm run accept` takes what is printed now as right; the diff of the files is the review. */
const TRANSCRIPTS = {
  'check-example': ['check', 'examples/check/counter.o'],
  'check-mended': ['check', 'examples/check/counter-mended.o'],
  'check-executable': ['check', 'test/corpus/linked/pie'],
  'check-arm64': ['check', 'test/corpus/linked/a64-executable'],
  'check-stripped': ['check', 'test/corpus/linked/stripped'],
  'check-library': ['check', 'test/corpus/linked/unloadable.so', 'test/corpus/linked/disarms.so'],
  'check-archive': ['check', 'test/corpus/linked/archive.a'],
  'check-other-architecture': ['check', 'test/fixtures/cli/arch/s390x.o'],
  'check-descriptor': ['check', 'test/corpus/build/descriptor-range/bad-1.o'],
  'check-note': ['check', 'test/corpus/build/syscall-last/bad-1.o'],
  'check-github': [
    'check',
    '--format',
    'github',
    'examples/check/counter.o',
    'test/corpus/linked/stripped',
    'test/corpus/linked/archive.a',
    'test/corpus/build/syscall-last/bad-1.o',
  ],
  sections: [
    'sections',
    'examples/check/counter.o',
    'test/corpus/linked/stripped',
    'test/corpus/linked/archive.a',
  ],
  doctor: ['doctor', '--simulated', '--kernel', '6.18'],
  'doctor-arm64': [
    'doctor',
    '--simulated',
    '--kernel',
    '6.19',
    '--arch',
    'aarch64',
    '--row',
    'abort,lazy',
    '--brief',
  ],
  'inspect-criu': ['inspect', '--kernel', '7.1', 'test/fixtures/criu/images'],
  'help-annotate': ['annotate', '--help'],
  'help-check': ['check', '--help'],
  'help-checkpoint': ['checkpoint', '--help'],
  'help-doctor': ['doctor', '--help'],
  'help-enforce': ['enforce', '--help'],
  'help-explain': ['explain', '--help'],
  'help-explore': ['explore', '--help'],
  'help-inspect': ['inspect', '--help'],
  'help-merge': ['merge', '--help'],
  'help-replay': ['replay', '--help'],
  'help-restore': ['restore', '--help'],
  'help-run': ['run', '--help'],
  'help-sections': ['sections', '--help'],
  'help-step': ['step', '--help'],
  'help-stress': ['stress', '--help'],
  'help-top': ['top', '--help'],
  'help-trace': ['trace', '--help'],
  'help-work': ['work', '--help'],
} as const;

describe('what the command prints', () => {
  it.each(Object.entries(TRANSCRIPTS))('%s', async (name, args) => {
    const judging = args[0] === 'check' && !args.includes('--help' as never) ? ['--kernel', '6.18'] : [];
    const { status, stdout, stderr } = rseqlab([...args, ...judging]);
    const text = `$ rseqlab ${[...args, ...judging].join(' ')}\n${stdout}${stderr}[exit status ${status}]\n`;
    await expect(text).toMatchFileSnapshot(`../fixtures/cli/transcripts/${name}.txt`);
  });
});
