import { printable } from '../binary/printable.js';
import { plural } from './document.js';
import type {
  FailurePoint,
  SourceAt,
  StressDocument,
  StressPoint,
  StressSection,
} from './stress-document.js';
import type { Style } from './style.js';

/** The verdict, then each section with its instructions, and how often each was aborted. */
export function stressText(document: StressDocument, style: Style): string {
  const { verdict, sentence, sections, failure, effort, options } = document;
  // Four at a time: who came to others meanwhile was not seen.
  const absent = options.hardware ? 'not met by debug registers' : 'never entered';
  const paint = verdict === 'failed' || verdict === 'uncovered' ? style.error : verdict === 'survived' ? style.mark : style.warning; // biome-ignore format: one choice
  const entered = sections.filter((section) => section.entered);
  const never = sections.filter((section) => !section.entered);
  const lines = [`${paint(verdict)}: ${printable(sentence)}`, ''];
  if (failure !== undefined) lines.push(...failureLines(document, style), '');
  for (const section of entered) lines.push(...sectionLines(section, style), '');
  if (never.length > 0) {
    lines.push(style.bold(`${absent}: ${plural(never.length, 'section')}`));
    for (const section of never)
      lines.push(`  ${sectionName(section)}, ${plural(section.points.length, 'instruction')}`);
    lines.push('');
  }
  for (const limit of document.limits) lines.push(style.dim(`note: ${printable(limit)}`));
  const { forced, points, percent } = document.coverage;
  lines.push(
    style.bold(
      `${plural(entered.length, 'section')} entered, ${never.length} not; ${forced} of ${plural(points, 'abort point')} forced: ${percent} %`,
    ),
    style.dim(
      `${plural(effort.aborts, 'abort')} forced in ${plural(effort.threads, 'thread')} of ${plural(effort.processes, 'process', 'processes')} in ${effort.seconds.toFixed(2)} s`,
    ),
  );
  return `${lines.join('\n')}\n`;
}

const sourceText = (source: SourceAt | undefined): string =>
  source === undefined ? '' : `${printable(source.file)}:${source.line}`;

const nameOfFile = (file: string): string => printable(file.slice(file.lastIndexOf('/') + 1));

function sectionName({ file, function: name, startIp, endIp, source }: StressSection): string {
  const where = sourceText(source);
  return `${name === undefined ? '(no name)' : printable(name)} in ${nameOfFile(file)}, ${startIp} to ${endIp}${where === '' ? '' : `, ${where}`}`;
}

function sectionLines(section: StressSection, style: Style): string[] {
  const width = Math.max(...section.points.map(({ text }) => text.length));
  const natural = section.points.some((point) => point.natural !== undefined);
  return [
    style.bold(sectionName(section)),
    style.dim(`  forced${natural ? '  natural' : ''}  threads`),
    ...section.points.map((point) => pointLine(point, width, natural, style)),
    ...(section.gap ?? []).flatMap(({ ip, text, forced }) =>
      forced === 0
        ? []
        : [
            style.warning(
              `  ${plural(forced, 'stop')} at ${ip}  ${text}: between the store to rseq_cs and the section: it was disarmed`,
            ),
          ],
    ),
  ];
}

function pointLine(point: StressPoint, width: number, natural: boolean, style: Style): string {
  const { forced, threads, ip, text, source, unprotected } = point;
  const counts = `${`${forced}`.padStart(8)}${natural ? `${point.natural ?? 0}`.padStart(9) : ''}${`${threads}`.padStart(9)}`;
  const notes = [
    ...(unprotected > 0 ? [`UNPROTECTED ${plural(unprotected, 'time')}`] : []),
    ...(forced === 0 && unprotected === 0 ? ['NEVER REACHED'] : []),
  ];
  const line =
    `${counts}  ${ip}  ${text.padEnd(width)}  ${sourceText(source).padEnd(notes.length > 0 ? 16 : 0)}${notes.length > 0 ? `  ${notes.join(', ')}` : ''}`.trimEnd();
  return notes.length > 0 ? style.error(line) : line;
}

function failureLines({ failure, command, explored }: StressDocument, style: Style): string[] {
  const { points, runs, scenarios, kind, alone, plain } = failure!;
  const lines: string[] = [];
  if (points.length > 0) {
    lines.push(
      style.bold(
        points.length === 1
          ? 'an abort at this one instruction makes it happen:'
          : `aborts at these ${points.length} instructions make it happen, and no fewer of them did:`,
      ),
      ...points.map(pointText),
      style.dim(`  (found by running it ${plural(runs, 'more time', 'more times')})`),
    );
  } else if (runs > 0)
    lines.push(
      `running it ${plural(runs, 'more time', 'more times')} with the same abort points did not make it happen again: it depends on chance`,
    );
  if (plain !== undefined)
    lines.push(`without any forced abort it failed too, in ${plain.failed} of ${plain.runs} runs`);
  if (kind === 'unprotected')
    lines.push(
      ...(alone === true ? ['no abort is needed: threads were so that had not been aborted before'] : []),
      'the instructions are marked below; rseqlab check says why: the store to rseq_cs is missing, stands too early, or is not made again behind an abort; or the thread has no struct rseq registered',
    );
  if (scenarios.length > 0 && explored === undefined)
    lines.push(
      `its file has scenarios: rseqlab explore ${command?.[0] ?? ''} (${scenarios.map(printable).join(', ')}) looks for the shortest way there, and so does this command with --explore`,
    );
  return lines;
}

const pointText = ({ file, place, ip, text, source }: FailurePoint): string =>
  `  ${nameOfFile(file)}: ${printable(place)} (${ip}): ${text}${source === undefined ? '' : `  ${sourceText(source)}`}`;
