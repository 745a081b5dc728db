import fc from 'fast-check';

/** Random scenarios as files of assembly text, whatever the language of their instructions. */
export interface Scenario {
  readonly text: string;
  readonly kernel: string;
  readonly debugRseq: boolean;
  readonly cpus: number;
}

/** Bytes of shared memory, all of it cells as soon as somebody writes there. */
export const SHARED = 128;
export type Lines = readonly string[];

/** A piece of code, what lies away from it, and its data. */
export interface Part {
  readonly code: Lines;
  readonly away: Lines;
  readonly data: Lines;
}

/** What a file needs of an instruction set. */
interface Language {
  /** In front of everything. */
  readonly head: Lines;
  /** Before the tasks begin. */
  readonly setup: Lines;
  /** Gives 1 where the shared word at an offset does not hold the value. */
  holds(at: number, value: number): Lines;
  task(name: string): fc.Arbitrary<Part>;
  handler(name: string): fc.Arbitrary<Part>;
}

const quote = (label: string, text: string): string[] => [`${label}: .asciz "${text}"`];

/** Everything in one file: part, number, scenario, task, text, function. */
function file(
  { head, setup, holds }: Language,
  tasks: readonly { readonly name: string; readonly count: number; readonly part: Part }[],
  signals: readonly { readonly task: string; readonly name: string; readonly part: Part }[],
  never: readonly [at: number, value: number] | undefined,
): string {
  const rows: string[] = [];
  const row = (kind: number, number: number, task: string, start: string): void => {
    rows.push(`.long ${kind},${number}`, `.quad s_name, ${task}, 0, ${start}`);
  };
  row(1, 0, '0', '0');
  row(2, 0, '0', 'setup');
  for (const { name, count } of tasks) row(3, count, `s_${name}`, name);
  for (const [n, { task, name }] of signals.entries()) row(4, n === 0 ? 10 : 12, `s_${task}`, name);
  if (never !== undefined) row(5, 0, '0', 'inv');
  const parts = [...tasks, ...signals].map(({ part }) => part);
  return [
    ...head,
    '.text',
    'setup:',
    ...setup,
    'ret',
    ...(never === undefined ? [] : ['inv:', ...holds(...never), 'ret']),
    ...parts.flatMap(({ code }) => code),
    '.data',
    '.globl data',
    '.balign 64',
    `data: .quad 1,2,3,0,0,0,0,0,0,0,0,0,0,0,0,0`,
    '.section .rodata,"a"',
    ...parts.flatMap(({ data }) => data),
    ...quote('s_name', 's'),
    ...tasks.flatMap(({ name }) => quote(`s_${name}`, name)),
    '.section __rseqlab_scenario,"aw"',
    '.balign 8',
    ...rows,
    '',
  ].join('\n');
}

export const scenarios = (language: Language): fc.Arbitrary<Scenario> =>
  fc
    .record({
      a: language.task('a'),
      b: fc.option(language.task('b'), { freq: 2 }),
      signal: fc.option(fc.tuple(language.handler('h'), fc.option(language.handler('g'), { freq: 2 })), {
        freq: 3,
      }),
      kernel: fc.constantFrom('6.18', '6.18', '4.18', '5.10', '6.3', '6.19', '7.0', '7.1'),
      debugRseq: fc.oneof(
        { weight: 4, arbitrary: fc.constant(false) },
        { weight: 1, arbitrary: fc.constant(true) },
      ),
      cpus: fc.constantFrom(1, 2, 2, 2, 3),
      /** An invariant: the word of one CPU never holds this. */
      never: fc.oneof(
        { weight: 5, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.tuple(fc.constantFrom(32, 40, 48), fc.constantFrom(1, 2, 7)) },
      ),
    })
    .map(({ a, b, signal, kernel, debugRseq, cpus, never }) => ({
      text: file(
        language,
        b === null
          ? [{ name: 'a', count: 2, part: a }]
          : [
              { name: 'a', count: 1, part: a },
              { name: 'b', count: 1, part: b },
            ],
        signal === null || b === null
          ? []
          : [
              { task: 'a', name: 'h', part: signal[0] },
              ...(signal[1] === null ? [] : [{ task: 'a', name: 'g', part: signal[1] }]),
            ],
        never,
      ),
      kernel,
      debugRseq,
      cpus,
    }));
