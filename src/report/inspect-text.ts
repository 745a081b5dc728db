import { plural } from './document.js';
import type {
  InspectDocument,
  InspectedPlace,
  InspectedProcess,
  InspectedSection,
  InspectedThread,
} from './inspect-document.js';
import type { Style } from './style.js';

/** More threads than this are shown in a table only, but for those that have something to tell. */
const FEW = 3;

/** The document for a person: lines with their ends. `brief`: one line a process. */
export function inspectText(document: InspectDocument, style: Style, brief: boolean): string {
  const lines = brief
    ? briefLines(document, style)
    : document.processes.flatMap((process) => processLines(process, document, style));
  return `${lines.join('\n')}\n`;
}

const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const row = (head: string, text: string, indent = 2): string =>
  `${' '.repeat(indent)}${head.padEnd(11)} ${text}`;

function processLines(process: InspectedProcess, { kernel }: InspectDocument, style: Style): string[] {
  const { auxv, glibc, threads, tracer } = process;
  const what = process.kind === 'core' ? 'core of process' : 'process';
  const debug = kernel.debugRseq === true ? ', rseq debugging on' : '';
  const mode = threads.find(({ registration }) => registration !== null)?.registration;
  return [
    style.bold(`${what} ${process.pid} ${process.name} (${process.executable})`),
    row('kernel', `Linux ${kernel.release}${debug}${mode ? `; ${mode.mode}: ${mode.modeText}` : ''}`),
    row('auxv', auxvText(auxv)),
    row('glibc', glibc === null ? 'none that knows rseq (2.35 and newer)' : `__rseq_offset ${glibc.__rseq_offset}, __rseq_size ${glibc.__rseq_size}, __rseq_flags ${glibc.__rseq_flags} (${basename(glibc.file)})`), // biome-ignore format: two cases
    ...(tracer === null ? [] : [row('tracer', `process ${tracer.pid} ${tracer.name}`)]),
    ...process.notes.map((note) => row('note', note)),
    row('threads', summary(threads)),
    ...(threads.length > FEW ? ['', ...tableLines(threads)] : []),
    ...threads
      .filter((thread) => threads.length <= FEW || isTelling(thread))
      .flatMap((thread) => ['', ...threadLines(thread, style)]),
  ];
}

const isTelling = ({ section, problems }: InspectedThread): boolean =>
  section !== null || problems.length > 0;

function auxvText({ AT_RSEQ_FEATURE_SIZE: size, AT_RSEQ_ALIGN: align }: InspectedProcess['auxv']): string {
  if (size === null)
    return 'no AT_RSEQ_FEATURE_SIZE: the kernel is older than 6.3, or the vector cannot be read';
  return `AT_RSEQ_FEATURE_SIZE ${size}, AT_RSEQ_ALIGN ${align ?? 'missing'}`;
}

function summary(threads: readonly InspectedThread[]): string {
  const count = (test: (thread: InspectedThread) => boolean): number => threads.filter(test).length;
  const parts = [
    `${count(({ registration }) => registration !== null)} registered`,
    `${count(({ registration, known }) => registration === null && known !== 'unknown')} not`,
    `${count(({ known }) => known === 'unknown')} unknown`,
  ];
  const times = threads.flatMap(({ stopped }) => stopped ?? []).sort((a, b) => a - b);
  const stops =
    times.length === 0
      ? 'none stopped'
      : `${times.length} stopped, each for ${times[Math.floor(times.length / 2)]} µs (median), ${times.at(-1)} µs at most`;
  return `${threads.length}: ${parts.filter((part) => !part.startsWith('0 ')).join(', ') || 'none'}; ${stops}`;
}

const HEAD = ['TID', 'NAME', 'STATE', 'CPU', 'REGISTERED BY', 'LENGTH', 'KNOWN', 'RSEQ_CS', 'STOPPED'];

function tableLines(threads: readonly InspectedThread[]): string[] {
  return columns([HEAD, ...threads.map(cells)]).map((line) => `  ${line}`);
}

/** A thread's row of the table. */
function cells({
  tid,
  name,
  state,
  call,
  cpu,
  registration,
  known,
  section,
  stopped,
}: InspectedThread): string[] {
  return [
    String(tid),
    name,
    call === null ? state : `${state} (${call})`,
    cpu === null ? '' : String(cpu),
    registration === null ? (known === 'unknown' ? '?' : 'nobody') : ownerName(registration.owner.kind),
    registration === null ? '' : String(registration.length),
    known,
    section === null ? (registration === null ? '' : 'NULL') : `${section.state}, ${section.position}`,
    stopped === null ? 'no' : `${stopped} µs`,
  ];
}

const OWNERS = {
  glibc: 'glibc',
  'thread-local': 'the program',
  static: 'the program',
  memory: 'somebody',
} as const;
const ownerName = (kind: keyof typeof OWNERS): string => OWNERS[kind];

/** Cells filled up to the width of their column. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((cells) => cells[column]!.length)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

function threadLines(thread: InspectedThread, style: Style): string[] {
  const { registration, area, section, problems, refuses, ip } = thread;
  const where = thread.call === null ? thread.state : `${thread.state} in ${thread.call}`;
  return [
    style.bold(
      `thread ${thread.tid}${thread.name === '' ? '' : ` ${thread.name}`}: ${where}${thread.cpu === null ? '' : `, CPU ${thread.cpu}`}`,
    ),
    ...(ip === null ? [] : [row('at', placeLine(ip))]),
    row('registered', registrationText(thread)),
    ...(registration === null
      ? []
      : [row('by', registration.owner.text), row('mode', `${registration.mode}: ${registration.modeText}`)]),
    row('known', knownText(thread)),
    ...(area === null
      ? registration === null
        ? []
        : [row('fields', 'cannot be read')]
      : [row('fields', fieldsText(area))]),
    ...(registration === null ? [] : sectionLines(section)),
    ...problems.flatMap(({ rule, text, mend }) => [
      row('wrong', style.error(`${text}${rule === null ? '' : ` [${rule}]`}`)),
      ...(mend === null ? [] : [row('', mend)]),
    ]),
    ...refuses.map(({ call, answer, why }, index) =>
      row(index === 0 ? 'refused' : '', `${call}: ${answer}, ${why}`),
    ),
  ];
}

function registrationText({ registration, known }: InspectedThread): string {
  if (registration === null) return known === 'unknown' ? 'not known' : 'nothing';
  const { address, length, featureSize, signature, flags } = registration;
  return `${address}, length ${length} (${featureSize} in use), signature ${signature}, flags ${flags}`;
}

function knownText({ known, note, stopped, asked }: InspectedThread): string {
  const how = {
    kernel: `from the kernel, stopped for ${stopped} µs (${asked} µs after the request it went on)`,
    derived: 'derived from memory; length and signature are those that its library uses',
    unknown: 'not stopped',
  }[known];
  return note === null ? how : `${how}: ${note}`;
}

const fieldsText = (area: Readonly<Record<string, number | string>>): string =>
  Object.entries(area)
    .map(([name, value]) => `${name}=${name === 'rseq_cs' && value === '0x0' ? 'NULL' : value}`)
    .join(', ');

export function placeLine({ address, file, function: name, offset, line }: InspectedPlace): string {
  const where =
    name === null
      ? address
      : `${address} ${name}${offset === 0 || offset === null ? '' : `+0x${offset.toString(16)}`}`;
  const source = line === null ? '' : ` (${line})`;
  return file === null
    ? `${where}, where nothing is mapped`
    : `${where} in ${basename(file) || 'memory without a file'}${source}`;
}

export function sectionLines(section: InspectedSection | null): string[] {
  if (section === null) return [row('rseq_cs', 'NULL: in no section')];
  const { start, end, abort, descriptor, position } = section;
  if (start === null || abort === null)
    return [row('rseq_cs', `${section.rseq_cs}: dangling, no descriptor can be read there`)];
  const positions = {
    inside: 'the thread is inside',
    before: 'the thread is before it',
    behind: 'the thread is behind it',
    unknown: 'where the thread is in it is not known: it runs',
  };
  return [
    row('rseq_cs', `${section.rseq_cs}: ${section.state}; ${positions[position]}`),
    row('section', `${placeLine(start)} to ${end}`),
    row('abort', placeLine(abort)),
    row('descriptor', fieldsText(descriptor ?? {})),
  ];
}

function briefLines({ processes, refused }: InspectDocument, style: Style): string[] {
  const rows = processes.map((process) => {
    const { threads } = process;
    const registered = threads.filter(({ registration }) => registration !== null);
    const owners = [...new Set(registered.map(({ registration }) => ownerName(registration!.owner.kind)))];
    const lengths = [...new Set(registered.map(({ registration }) => registration!.length))];
    const unknown = threads.filter(({ known }) => known === 'unknown').length;
    const most = Math.max(0, ...threads.map(({ stopped }) => stopped ?? 0));
    return [
      String(process.pid),
      process.name,
      String(threads.length),
      `${registered.length}${unknown === 0 ? '' : ` (${unknown} unknown)`}`,
      owners.join(', ') || '-',
      lengths.join(', ') || '-',
      String(threads.filter(({ section }) => section !== null).length),
      String(threads.reduce((sum, { problems }) => sum + problems.length, 0)),
      most === 0 ? 'no' : `${most} µs`,
    ];
  });
  const head = ['PID', 'NAME', 'THREADS', 'REGISTERED', 'BY', 'LENGTH', 'ARMED', 'WRONG', 'STOPPED'];
  const telling = processes.flatMap((process) =>
    process.threads.filter(isTelling).map((thread) => ({ process, thread })),
  );
  return [
    ...columns([head, ...rows]),
    ...telling.flatMap(({ process, thread }) => [
      '',
      `process ${process.pid} ${process.name}`,
      ...threadLines(thread, style),
    ]),
    ...(refused.length === 0
      ? []
      : [
          '',
          `${plural(refused.length, 'process', 'processes')} could not be looked at:`,
          ...refused.map(({ reason }) => `  ${reason}`),
        ]),
  ];
}
