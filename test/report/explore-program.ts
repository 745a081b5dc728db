import type { Change, Hex, Row, SectionCoverage, SourceText } from '../../src/explore/timeline.js';

/** Rows of a counterexample, made by hand from a listing. */

export const h = (value: number): Hex => `0x${value.toString(16)}`;

const change =
  (kind: Change['kind']) =>
  (name: string, before: number, after: number): Change => ({
    kind,
    name,
    before: h(before),
    after: h(after),
  });
export const register = change('register');
export const memory = change('memory');
export const own = change('private');

/** A function with one section. Its abort handler lies at 0x200. */
interface Listing {
  readonly file: string;
  /** Offset in the function, instruction, line of the source. */
  readonly code: readonly (readonly [offset: number, text: string, line: number])[];
  readonly lines: Readonly<Record<number, string>>;
  readonly start: number;
  readonly end: number;
}

const BASE = 0x401000;
export const COLD = 0x200;

class Program {
  readonly section: string;

  constructor(private readonly listing: Listing) {
    this.section = this.place(listing.start);
  }

  place(offset: number): string {
    if (offset >= COLD) return 'increment.cold';
    return offset === 0 ? 'increment' : `increment+${h(offset)}`;
  }

  /** The instruction at an offset is executed. */
  execute(
    task: number,
    cpu: number,
    offset: number,
    changes: readonly Change[] = [],
    more: Partial<Row> = {},
  ): Row {
    return { kind: 'execute', task, cpu, ...this.where(offset), text: this.at(offset)[1], changes, ...more };
  }

  /** The kernel does something to a task that stands at an offset. */
  kernel(
    kind: Row['kind'],
    task: number,
    cpu: number,
    offset: number,
    words: string,
    more: Partial<Row> = {},
  ): Row {
    return { kind, task, cpu, ...this.where(offset), changes: [], kernel: words, ...more };
  }

  abortAt(offset: number) {
    return { section: this.section, from: this.place(offset), to: this.place(COLD) };
  }

  coverage(covered: (offset: number) => boolean): SectionCoverage {
    const { start, end, code } = this.listing;
    return {
      name: this.section,
      startIp: h(BASE + start),
      endIp: h(BASE + end),
      abortIp: h(BASE + COLD),
      abortPlace: this.place(COLD),
      source: this.source(this.at(start)[2]),
      points: code
        .filter(([offset]) => this.inside(offset))
        .map(([offset, text, line]) => ({
          ip: h(BASE + offset),
          place: this.place(offset),
          text,
          source: this.source(line),
          covered: covered(offset),
        })),
    };
  }

  private where(offset: number) {
    return {
      ip: h(BASE + offset),
      place: this.place(offset),
      source: this.source(this.at(offset)[2]),
      ...(this.inside(offset) && { section: this.section }),
    };
  }

  private at(offset: number) {
    return this.listing.code.find(([at]) => at === offset)!;
  }

  private source(line: number): SourceText {
    return { file: this.listing.file, line, text: this.listing.lines[line]! };
  }

  private inside(offset: number): boolean {
    return offset >= this.listing.start && offset < this.listing.end;
  }
}

/** Reads the counter in front of the section. */
export const EARLY = new Program({
  file: 'examples/explore/early.c',
  code: [
    [0x0, 'mov (%rcx),%edx', 12],
    [0x2, 'mov (%rdi,%rdx,8),%rax', 13],
    [0x6, 'lea 0x2f13(%rip),%r8', 15],
    [0xd, 'mov %r8,0x8(%rcx)', 15],
    [0x11, 'cmp %edx,0x4(%rcx)', 18],
    [0x14, 'jne 0x401200 <increment.cold>', 18],
    [0x1a, 'inc %rax', 20],
    [0x1d, 'mov %rax,(%rdi,%rdx,8)', 21],
    [0x21, 'ret', 24],
    [COLD, 'jmp 0x401000 <increment>', 23],
  ],
  lines: {
    12: 'cpu = rseq->cpu_id_start;',
    13: 'value = counters[cpu];   /* too early */',
    15: 'asm goto("lea 3b(%%rip), %%r8; mov %%r8, %[rseq_cs]"',
    18: '"1: cmp %[cpu], %[cpu_id]; jne 4f"',
    20: '"inc %[value]"',
    21: '"mov %[value], %[counter]; 2:"',
    23: 'goto again;',
    24: '}',
  },
  start: 0x11,
  end: 0x21,
});

/** Does not compare the CPU's number inside. */
export const UNCHECKED = new Program({
  file: 'examples/explore/unchecked.c',
  code: [
    [0x0, 'mov (%rcx),%edx', 12],
    [0x2, 'lea 0x2f13(%rip),%r8', 15],
    [0x9, 'mov %r8,0x8(%rcx)', 15],
    [0xd, 'mov (%rdi,%rdx,8),%rax', 17],
    [0x11, 'inc %rax', 18],
    [0x14, 'mov %rax,(%rdi,%rdx,8)', 19],
    [0x18, 'ret', 22],
    [COLD, 'jmp 0x401000 <increment>', 21],
  ],
  lines: {
    12: 'cpu = rseq->cpu_id_start;',
    15: 'asm goto("lea 3b(%%rip), %%r8; mov %%r8, %[rseq_cs]"',
    17: '"1: mov %[counter], %%rax"',
    18: '"inc %%rax"',
    19: '"mov %%rax, %[counter]; 2:"',
    21: 'goto again;',
    22: '}',
  },
  start: 0xd,
  end: 0x18,
});
