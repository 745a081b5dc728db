import { SIG } from '../../abi/signals.js';

/**
 * A schedule as text: one step a line, `#` begins a comment.
 *
 *   run WHO N        WHO runs N instructions
 *   until IP [WHO]   WHO runs up to the instruction at IP, which is not run
 *   preempt [WHO]    WHO is interrupted and gives its CPU away, if only to a thread of the kernel
 *   tick [WHO]       WHO is interrupted, and goes on
 *   migrate TID CPU  the thread is sent to another CPU, whether it runs or waits
 *   signal TID SIG   the thread gets a signal, by number or name
 *   rest POLICY      who decides when the steps are over: rr (if nothing is said), random, ...
 *
 * WHO is a CPU (0, cpu0: whatever thread runs there) or a thread (its number: the first program is 1000); without it the one of the step
 * before. IP is hexadecimal with 0x. A step for a thread that cannot run waits until it can: the others run meanwhile, in turns of 100
 * instructions; one for a thread that has ended is left out.
 */
export type Step =
  | { readonly kind: 'run'; readonly who: Who; readonly instructions: number }
  | { readonly kind: 'until'; readonly who: Who; readonly ip: bigint }
  | { readonly kind: 'preempt' | 'tick'; readonly who: Who }
  | { readonly kind: 'migrate'; readonly tid: number; readonly to: number }
  | { readonly kind: 'signal'; readonly tid: number; readonly signal: number };

export type Who = { readonly cpu: number } | { readonly tid: number };

export interface Script {
  readonly steps: readonly Step[];
  /** Name of a policy. */
  readonly rest: string;
}

/** Threads have numbers from here on, CPUs below. */
const FIRST_TID = 1000;

interface Form {
  readonly usage: string;
  readonly least: number;
  readonly most: number;
  step(words: readonly string[], parser: Parser): Step;
}

interface Parser {
  who(word: string | undefined): Who;
  number(word: string, what: string): number;
  tid(word: string): number;
  fail(what: string): never;
}

const interrupt = (kind: 'preempt' | 'tick'): Form => ({
  usage: `${kind} [WHO]`,
  least: 0,
  most: 1,
  step: ([who], parser) => ({ kind, who: parser.who(who) }),
});

const FORMS: Readonly<Record<string, Form>> = {
  run: {
    usage: 'run WHO N',
    least: 2,
    most: 2,
    step: ([who, count], parser) => ({
      kind: 'run',
      who: parser.who(who),
      instructions: parser.number(count!, 'a number of instructions'),
    }),
  },
  until: {
    usage: 'until IP [WHO]',
    least: 1,
    most: 2,
    step: ([ip, who], parser) => {
      if (!/^0x[0-9a-f]{1,16}$/i.test(ip!)) parser.fail(`${ip} is no address; write it as 0x4011c4`);
      return { kind: 'until', who: parser.who(who), ip: BigInt(ip!) };
    },
  },
  preempt: interrupt('preempt'),
  tick: interrupt('tick'),
  migrate: {
    usage: 'migrate TID CPU',
    least: 2,
    most: 2,
    step: ([tid, cpu], parser) => ({
      kind: 'migrate',
      tid: parser.tid(tid!),
      to: parser.number(cpu!.replace(/^cpu/, ''), 'a CPU'),
    }),
  },
  signal: {
    usage: 'signal TID SIG',
    least: 2,
    most: 2,
    step: ([tid, signal], parser) => {
      const named = (SIG as Readonly<Record<string, number>>)[signal!.toUpperCase()];
      const number = named ?? parser.number(signal!, 'a signal');
      if (number < 1 || number > 64) parser.fail(`there is no signal ${signal}; write 1 to 64, or SIGUSR1`);
      return { kind: 'signal', tid: parser.tid(tid!), signal: number };
    },
  },
};

/** Reads a script. Throws RangeError, which names the line and says what to write. */
export function parseScript(text: string): Script {
  const steps: Step[] = [];
  let rest = 'rr';
  let last: Who | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [verb, ...words] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (verb === undefined || verb === '') continue;
    const parser: Parser = {
      fail(what) {
        throw new RangeError(`script, line ${index + 1}: ${what}`);
      },
      number(word, what) {
        if (!/^\d{1,12}$/.test(word)) this.fail(`${word} is not ${what}`);
        return Number(word);
      },
      tid(word) {
        const tid = this.number(word, 'the number of a thread');
        if (tid < FIRST_TID)
          this.fail(`${word} is no thread: the first program is ${FIRST_TID}, its threads come after it`);
        return tid;
      },
      who(word) {
        if (word === undefined) return last ?? this.fail(`who? Write ${verb} WHO: no step before it says`);
        const number = this.number(word.replace(/^cpu/, ''), 'a CPU (0, cpu0) or a thread (1000)');
        last = number < FIRST_TID || word.startsWith('cpu') ? { cpu: number } : { tid: number };
        return last;
      },
    };
    if (verb === 'rest') {
      if (words.length !== 1) parser.fail('write: rest POLICY, such as rest random');
      rest = words[0]!;
      continue;
    }
    const form = Object.hasOwn(FORMS, verb) ? FORMS[verb] : undefined;
    if (form === undefined)
      parser.fail(`there is no step ${verb}; there are ${[...Object.keys(FORMS), 'rest'].join(', ')}`);
    const { least, most, usage, step } = form as Form;
    if (words.length < least || words.length > most) parser.fail(`write: ${usage}`);
    steps.push(step(words, parser));
  }
  return { steps, rest };
}
