/** A case of ./cases: what an exploration once took, or could take, for something else. */
export interface SoundCase {
  readonly name: string;
  readonly kernel?: string;
  readonly debugRseq?: boolean;
  readonly cpus?: number;
  /** What comes of it: a part of the refusal's text, or the outcome. */
  readonly outcome: 'verified' | 'violation' | RegExp;
}

const verified = (name: string, row: Omit<SoundCase, 'name' | 'outcome'> = {}): SoundCase => ({
  name,
  outcome: 'verified',
  ...row,
});

export const CASES: readonly SoundCase[] = [
  verified('direction', { cpus: 1 }),
  verified('exchanged'),
  verified('handler-registers', { cpus: 1 }),
  verified('handler-context', { cpus: 1 }),
  verified('handler-stack', { cpus: 1 }),
  verified('handler-writes', { cpus: 1 }),
  verified('handler-goes', { cpus: 1 }),
  verified('stack-descriptor'),
  verified('written-descriptor'),
  verified('names'),
  verified('names', { cpus: 1 }),
  verified('numbers', { cpus: 3 }),
  verified('numbers', { cpus: 3, kernel: '6.19' }),
  verified('numbers', { cpus: 3, kernel: '5.10' }),
  verified('kept-number'),
  verified('kept-number', { kernel: '6.19' }),
  verified('trap', { cpus: 1 }),
  verified('below'),
  verified('leftover'),
  verified('call-in-section'),
  { name: 'kept-number', kernel: '7.1', outcome: 'violation' },
  { name: 'fence-kills', outcome: 'violation' },
  { name: 'fence-kills', kernel: '6.19', outcome: 'violation' },
  { name: 'call-in-section', debugRseq: true, outcome: 'violation' },
  { name: 'call-in-section', kernel: '6.19', outcome: /inside a section/ },
  { name: 'other-stack', outcome: /at the stack of another/ },
  { name: 'fenced-descriptor', outcome: /memory that a task writes/ },
  { name: 'own-area', outcome: /not on its own stack/ },
  { name: 'clock', outcome: /rdtsc/ },
  { name: 'once', outcome: /SA_RESETHAND/ },
];
