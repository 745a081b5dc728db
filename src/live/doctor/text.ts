import type { Style } from '../../report/style.js';
import { wrap } from '../../report/wrap.js';
import { type AskedKernel, countOf, type DoctorDocument, type RowResult } from './document.js';
import { SUBJECTS } from './rows.js';

/** What to print of the rows: all, or only what is not as promised. */
export interface TextOptions {
  readonly brief: boolean;
  /** Characters in a line. */
  readonly width: number;
}

const MARK = 8;

/** The table: promise and observation, by subject; then the verdict. */
export function doctorText(document: DoctorDocument, style: Style, { brief, width }: TextOptions): string {
  const shown = document.rows.filter(({ status }) => !brief || status === 'broken');
  const wide = (of: (row: RowResult) => string) => Math.max(0, ...shown.map((row) => of(row).length));
  const columns = {
    id: wide(({ id }) => id),
    promise: Math.min(
      wide(({ promise }) => promise),
      72,
    ),
    width,
  };
  const lines = [headline(document.kernel, style), ''];
  for (const { title } of SUBJECTS) {
    const rows = shown.filter(({ subject }) => subject === title);
    if (rows.length === 0) continue;
    lines.push(style.bold(title), ...rows.flatMap((row) => rowLines(row, columns, style)), '');
  }
  lines.push(...verdict(document, style));
  return `${lines.join('\n')}\n`;
}

function headline(
  { world, release, architecture, promises, column, debug }: AskedKernel,
  style: Style,
): string {
  const who = world === 'real' ? `Linux ${release}` : `simulated Linux ${release}`;
  const checks = debug ? ', which checks (CONFIG_DEBUG_RSEQ, rseq_debug)' : '';
  const whose = promises === release ? column : promises;
  return style.bold(`${who} on ${architecture}${checks}, held to the promises of Linux ${whose}`);
}

interface Columns {
  readonly id: number;
  readonly promise: number;
  readonly width: number;
}

const NAMES = { kept: 'kept', broken: 'BROKEN', skipped: 'not run' } as const;

function rowLines(row: RowResult, { id, promise, width }: Columns, style: Style): string[] {
  const paint = { kept: style.mark, broken: style.error, skipped: style.dim }[row.status];
  const head = `${paint(NAMES[row.status].padEnd(MARK))}${row.id.padEnd(id + 2)}`;
  const indent = ' '.repeat(MARK);
  if (row.status === 'broken') return [`${head}${row.promise}`, ...details(row, width, style)];
  const seen = row.status === 'kept' ? row.observed! : row.reason!;
  const start = MARK + id + 2;
  const promised = row.promise.padEnd(promise);
  if (start + promised.length + 2 + seen.length <= width) return [`${head}${promised}  ${style.dim(seen)}`];
  return [
    `${head}${row.promise}`,
    ...wrap(seen, Math.max(20, width - start - 2)).map(
      (line) => `${indent}${' '.repeat(id + 4)}${style.dim(line)}`,
    ),
  ];
}

function details(row: RowResult, width: number, style: Style): string[] {
  const wrongly = row.wrong < row.asked ? ` (${row.wrong} of ${row.asked} times)` : '';
  const like = row.like.length > 0 ? [['as', `Linux ${row.like.join(', ')}`]] : [];
  return [
    ['promised', row.expected.join('   or   ')],
    ['observed', `${row.observed}${wrongly}`],
    ...like,
    ['probe', row.how],
    ['source', row.source],
  ].flatMap(([name, value]) =>
    wrap(value!, Math.max(20, width - MARK - 12)).map((line, at) => {
      const shown = name === 'observed' ? style.error(line) : line;
      return `${' '.repeat(MARK + 2)}${(at === 0 ? name! : '').padEnd(10)}${shown}`;
    }),
  );
}

function verdict(document: DoctorDocument, style: Style): string[] {
  if (document.refused !== undefined)
    return [`${style.error('nothing could be asked')}: ${document.refused}`];
  const [kept, broken, skipped] = (['kept', 'broken', 'skipped'] as const).map((status) =>
    countOf(document, status),
  );
  const counts = `${kept} promise${kept === 1 ? '' : 's'} kept, ${broken} broken, ${skipped} not run`;
  if (broken === 0) return [kept === 0 ? counts : style.mark(counts)];
  const harms = SUBJECTS.filter(({ harm, title }) => {
    const rows = document.rows.filter(({ subject }) => subject === title);
    return harm !== undefined && rows.some(({ status }) => status === 'broken');
  });
  return [style.error(counts), ...harms.map(({ title, harm }) => `${title}: ${harm}`), ...others(document)];
}

/** All broken rows are as another version has them: a backport, most likely. */
function others({ rows, kernel }: DoctorDocument): string[] {
  const broken = rows.filter(({ status }) => status === 'broken');
  const all = broken.map(({ like }) => like).reduce((a, b) => a.filter((version) => b.includes(version)));
  const other = all[0];
  if (other === undefined) return [];
  return [
    `All that differs is as Linux ${all.join(', ')} does it${kernel.world === 'real' ? ': a change that was taken over, perhaps' : ''}. rseqlab doctor --kernel ${other} holds it to that.`,
  ];
}
