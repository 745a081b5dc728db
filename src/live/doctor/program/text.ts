import { hex } from '../../../abi/address.js';
import { printable } from '../../../binary/printable.js';
import type { Style } from '../../../report/style.js';
import { wrap } from '../../../report/wrap.js';
import type { ProcessFacts, ProgramFacts } from './facts.js';
import type { Reason, Verdict } from './judge.js';

/** Places that are printed of a reason; --format json has all. */
const PLACES = 5;

/** Who it is, what it registers, and what becomes of it by kernel. */
export function programText(
  facts: ProgramFacts,
  verdicts: readonly Verdict[],
  style: Style,
  width: number,
): string {
  const { files, looked, notes } = facts;
  const sections = files.map(({ name, sections: n }) => `${name} (${count(n, 'section')})`);
  const who = facts.process === undefined ? facts.name : `${facts.name}, process ${facts.process.pid}`;
  const lines = [
    style.bold(who),
    ...field(
      'files',
      files.length === 0
        ? `none of ${looked} has restartable sequences`
        : `${sections.join(', ')}; ${looked} looked at`,
      width,
    ),
    ...(facts.process === undefined ? [] : processLines(facts.process, width)),
    ...notes.flatMap((note) => field('note', note, width)),
    '',
  ];
  const range = Math.max(...verdicts.map((verdict) => rangeOf(verdict).length));
  const told = new Set<string>();
  for (const verdict of verdicts) {
    const word = WORDS[verdict.status];
    const name = { breaks: style.error, depends: style.warning, runs: style.mark }[verdict.status](
      word.padEnd(8),
    );
    const start = range + 2 + 8;
    const [first = [], ...more] = verdict.reasons.map((reason) =>
      reasonLines(reason, Math.max(30, width - start - 2), style, told),
    );
    const head = `${style.bold(rangeOf(verdict).padEnd(range))}  ${name}`;
    lines.push(`${head}${first[0] === undefined ? '' : `  ${first[0]}`}`.trimEnd());
    for (const line of [...first.slice(1), ...more.flat()]) lines.push(`${' '.repeat(start)}  ${line}`);
  }
  return `${lines.join('\n')}\n`;
}

const WORDS = { breaks: 'BREAKS', depends: 'depends', runs: 'runs' } as const;
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function rangeOf({ from, to, debug }: Verdict): string {
  const versions = to === null ? `${from} and newer` : to === from ? from : `${from} to ${to}`;
  return `Linux ${versions}${debug ? ', debugging' : ''}`;
}

const field = (name: string, value: string, width: number): string[] =>
  wrap(value, Math.max(30, width - 14)).map((line, at) => `  ${(at === 0 ? name : '').padEnd(11)} ${line}`);

function processLines(process: ProcessFacts, width: number): string[] {
  const { registrations, unregistered, unknown, glibc, tunables } = process;
  const registered = [
    ...registrations.map(
      ({ threads, length, signature, owner }) =>
        `${count(threads, 'thread')}: ${length} bytes by ${owner}, signature ${hex(signature)}`,
    ),
    ...(unregistered > 0 ? [`${count(unregistered, 'thread')}: nothing`] : []),
    ...(unknown > 0 ? [`${count(unknown, 'thread')}: not known (rseqlab inspect --stop asks)`] : []),
  ];
  return [
    ...field('registered', registered.join('; '), width),
    ...field(
      'glibc',
      glibc === undefined
        ? 'none with rseq (2.35 and newer have it)'
        : `${glibc.version ?? 'of an unknown version'}, __rseq_size ${glibc.size}`,
      width,
    ),
    ...(tunables === undefined ? [] : field('tunables', `GLIBC_TUNABLES=${printable(tunables)}`, width)),
  ];
}

/** `told`: places and fixes that were printed before. */
function reasonLines(
  { text, places, fix }: Reason,
  width: number,
  style: Style,
  told: Set<string>,
): string[] {
  const isNew = (what: string): boolean => !told.has(what) && told.add(what) !== undefined;
  const shown = isNew(places.join()) ? places.slice(0, PLACES) : [];
  const more = shown.length === 0 ? 0 : places.length - shown.length;
  return [
    ...wrap(text, width),
    ...shown.flatMap((place) => wrap(`  ${place}`, width)).map(style.dim),
    ...(more > 0 ? [style.dim(`  and ${more} more (--format json has all)`)] : []),
    ...(fix === null ? [] : isNew(fix) ? wrap(`fix: ${fix}`, width) : ['fix: the same']),
  ];
}
