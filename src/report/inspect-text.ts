import { plural } from './document.js';
import type {
  InspectDocument,
  InspectedImage,
  InspectedPlace,
  InspectedProcess,
  InspectedRestore,
  InspectedResumption,
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
  const debug = kernel.debugRseq === true ? ', rseq debugging on' : '';
  const mode = threads.find(({ registration }) => registration !== null)?.registration;
  return [
    style.bold(`${WHAT[process.kind]} ${process.pid} ${process.name} (${process.executable})`),
    row('kernel', `Linux ${kernel.release}${debug}${mode ? `; ${mode.mode}: ${mode.modeText}` : ''}`),
    row('auxv', auxvText(auxv)),
    row('glibc', glibc === null ? 'none that knows rseq (2.35 and newer)' : `__rseq_offset ${glibc.__rseq_offset}, __rseq_size ${glibc.__rseq_size}, __rseq_flags ${glibc.__rseq_flags} (${basename(glibc.file)})`), // biome-ignore format: two cases
    ...(tracer === null ? [] : [row('tracer', `process ${tracer.pid} ${tracer.name}`)]),
    ...process.notes.map((note) => row('note', note)),
    ...(process.image === null ? [] : imageLines(process.image)),
    row('threads', summary(process)),
    ...(threads.length > FEW ? ['', ...tableLines(process)] : []),
    ...threads
      .filter((thread) => threads.length <= FEW || isTelling(thread))
      .flatMap((thread) => ['', ...threadLines(thread, style)]),
  ];
}

const WHAT = {
  live: 'process',
  core: 'core of process',
  image: 'image of process',
  criu: "CRIU's image of process",
} as const;

const isTelling = ({ section, problems }: InspectedThread): boolean =>
  section !== null || problems.length > 0;

function auxvText({ AT_RSEQ_FEATURE_SIZE: size, AT_RSEQ_ALIGN: align }: InspectedProcess['auxv']): string {
  if (size === null)
    return 'no AT_RSEQ_FEATURE_SIZE: the kernel is older than 6.3, or the vector cannot be read';
  return `AT_RSEQ_FEATURE_SIZE ${size}, AT_RSEQ_ALIGN ${align ?? 'missing'}`;
}

function imageLines({
  form,
  kernel,
  taken,
  size,
  memory,
  files,
  descriptors,
  signals,
  refused,
}: InspectedImage): string[] {
  const { mapped, missing } = files;
  const when = [
    ...(taken === null ? [] : [`of ${taken.replace(/T(.*)\.\d+Z$/, ' $1 UTC')}`]),
    ...(kernel === null ? [] : [`on Linux ${kernel}`]),
  ];
  return [
    row('image', [`${form}, ${bytesText(size)}`, ...when].join(', ')),
    ...memory.map(({ kind, maps, mapped, held }, index) => row(index === 0 ? 'memory' : '', `${kind}: ${plural(maps, 'map')}, ${bytesText(mapped)}, of which ${held === 0 ? 'nothing' : bytesText(held)} is in the image`)), // biome-ignore format: one line
    row('files', mapped.length === 0 ? 'none mapped' : `${mapped.length} mapped${missing.length === 0 ? ', all here and the same' : ''}`), // biome-ignore format: one line
    ...missing.map((path) =>
      row('', `${path} is gone or another one: of it only what is in the image is known`),
    ),
    ...(descriptors === null ? [] : [row('descriptors', descriptors.length === 0 ? 'none' : descriptors.map(({ fd, kind, path }) => `${fd} ${kind} ${path}`).join(', '))]), // biome-ignore format: one line
    ...(signals === null ? [] : [row('signals', `${signals.handled.length === 0 ? 'none with an action of its own' : signals.handled.join(', ')}; ${signals.pending === 0 ? 'none' : signals.pending} pending`)]), // biome-ignore format: one line
    ...(refused === null ? [] : [row('restore', `would be refused here: ${refused}`)]),
  ];
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
function bytesText(bytes: number): string {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

function summary({ kind, threads }: InspectedProcess): string {
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
  const told = isImage(kind) ? wherefrom(threads) : stops;
  return `${threads.length}: ${parts.filter((part) => !part.startsWith('0 ')).join(', ') || 'none'}; ${told}`;
}

const isImage = (kind: InspectedProcess['kind']): boolean => kind === 'image' || kind === 'criu';

/** Of an image: how many were in a section, and where they go on. */
function wherefrom(threads: readonly InspectedThread[]): string {
  const count = (how: InspectedResumption['how']): number =>
    threads.filter(({ resumes }) => resumes?.how === how).length;
  const [aborted, inside] = [count('abort'), count('inside')];
  if (aborted + inside === 0) return 'none inside a section';
  return `${aborted + inside} inside a section: ${[
    ...(aborted === 0 ? [] : [`${aborted} at the abort handler`]),
    ...(inside === 0 ? [] : [`${inside} left there`]),
  ].join(', ')}`;
}

const HEAD = ['TID', 'NAME', 'STATE', 'CPU', 'REGISTERED BY', 'LENGTH', 'KNOWN', 'RSEQ_CS', 'STOPPED'];

/** In their place of CPU and STOPPED, which an image knows nothing of. */
const IMAGE_HEAD = [
  'TID',
  'NAME',
  'STATE',
  'REGISTERED BY',
  'LENGTH',
  'KNOWN',
  'RSEQ_CS',
  'GOES ON',
  'RESTORE',
];

function tableLines({ kind, threads }: InspectedProcess): string[] {
  const rows = isImage(kind) ? [IMAGE_HEAD, ...threads.map(imageCells)] : [HEAD, ...threads.map(cells)];
  return columns(rows).map((line) => `  ${line}`);
}

function imageCells(thread: InspectedThread): string[] {
  const all = cells(thread);
  const { resumes, restore } = thread;
  return [
    ...all.filter((_, index) => HEAD[index] !== 'CPU' && HEAD[index] !== 'STOPPED'),
    resumes === null ? '' : RESUMES[resumes.how],
    restore === null ? '' : restore.accepted ? 'accepted' : refusalWord(restore),
  ];
}

const RESUMES: Readonly<Record<InspectedResumption['how'], string>> = {
  there: 'where it stood',
  abort: 'at the abort handler',
  inside: 'inside the section',
  again: 'in front of the call, which is made again',
  EINTR: 'behind the call, which gives EINTR',
};
const refusalWord = ({ answer }: InspectedRestore): string => (answer === 'ok' ? 'killed' : answer);

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
    ...(thread.resumes === null || thread.resumes.how === 'there' ? [] : [row('goes on', `${RESUMES[thread.resumes.how]}: ${placeLine(thread.resumes.place)}`)]), // biome-ignore format: one line
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
    ...restoreLines(thread, style),
    ...refuses.map(({ call, answer, why }, index) =>
      row(index === 0 ? 'refused' : '', `${call}: ${answer}, ${why}`),
    ),
  ];
}

function restoreLines({ restore }: InspectedThread, style: Style): string[] {
  if (restore === null) return [];
  if (restore.accepted) return [row('restore', 'its registration will be accepted')];
  return [
    row('restore', style.error(`its registration: ${restore.answer}, ${restore.why}`)),
    ...(restore.mend === null ? [] : [row('', restore.mend)]),
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
    image: 'from the kernel, when the image was made',
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
    return [
      row(
        'rseq_cs',
        `${section.rseq_cs}: ${section.state === 'unknown' ? 'the descriptor stands in a file that is not here' : 'dangling, no descriptor can be read there'}`,
      ),
    ];
  const positions = {
    inside: 'the thread is inside',
    before: 'the thread is before it',
    behind: 'the thread is behind it',
    aborted: 'the thread was inside, and stands at the abort handler',
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
  return [
    ...columns([head, ...rows]),
    ...processes.flatMap((process) => tellingLines(process, style)),
    ...(refused.length === 0
      ? []
      : [
          '',
          `${plural(refused.length, 'process', 'processes')} could not be looked at:`,
          ...refusedLines(refused),
        ]),
  ];
}

/** Those with something wrong before those that only have a section armed, and of many the first. */
function tellingLines(process: InspectedProcess, style: Style): string[] {
  const telling = process.threads
    .filter(isTelling)
    .sort((a, b) => Number(b.problems.length > 0) - Number(a.problems.length > 0));
  const more = telling.length - FEW;
  return [
    ...telling
      .slice(0, FEW)
      .flatMap((thread) => ['', `process ${process.pid} ${process.name}`, ...threadLines(thread, style)]),
    ...(more > 0
      ? ['', `${more} more of process ${process.pid} have a section armed, or something wrong: rseqlab inspect ${process.pid}`] // biome-ignore format: one line
      : []),
  ];
}

/** Processes with the same reason share a line. */
function refusedLines(refused: InspectDocument['refused']): string[] {
  const byReason = new Map<string, string[]>();
  for (const { reason } of refused) {
    const [, process = reason, why = ''] =
      /^not allowed to look at process (.+?): (it .*)$/.exec(reason) ?? [];
    byReason.set(why, [...(byReason.get(why) ?? []), process]);
  }
  return [...byReason].flatMap(([why, processes]) =>
    why === '' ? processes.map((reason) => `  ${reason}`) : [`  ${why}:`, `    ${processes.join(', ')}`],
  );
}
