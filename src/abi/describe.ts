/** docs/abi.md, made from the tables of this folder. */

import { hex } from './address.js';
import { ERRNO } from './errno.js';
import { BACKPORTS, KERNEL_COLUMNS, KERNEL_ROWS, PATCHES, type RuleName } from './kernel-rows.js';
import { ruleValue } from './kernel-rules.js';
import { fieldSize, type Layout } from './layout.js';
import { MEMBARRIER_CMD_FLAG_CPU, MEMBARRIER_COMMANDS } from './membarrier.js';
import { PTRACE_GET_RSEQ_CONFIGURATION, PTRACE_RSEQ_CONFIGURATION } from './ptrace.js';
import { REGISTRATION_ROWS, type RegistrationRow } from './registration.js';
import {
  AT_RSEQ_ALIGN,
  AT_RSEQ_FEATURE_SIZE,
  RSEQ,
  RSEQ_AREA_FLAGS,
  RSEQ_CPU_ID_STATES,
  RSEQ_CS,
  RSEQ_FEATURE_SIZES,
  RSEQ_SYSCALL_FLAGS,
} from './rseq.js';
import { SIGNATURES } from './signatures.js';
import { RSEQ_INTERFACES, RSEQ_PRCTL, RSEQ_SLICE_YIELD_SYSCALL, RSEQ_SYSCALL } from './syscalls.js';
import { TASK_SIZE } from './task-size.js';

type Cell = string | number | undefined;

const code = (text: string | number): string => `\`${text}\``;
const word = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
const cell = (value: Cell): string => String(value ?? '').replaceAll('|', '\\|');
const line = (cells: readonly Cell[]): string => `| ${cells.map(cell).join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const INTRO = `# The rseq ABI

Generated from \`src/abi\` by \`npm run docs\`; do not edit. What the kernel and user space agree on about restartable
sequences: layouts, flags, numbers, errors, and what each kernel does about a violation. Paths are those of the Linux
source tree, with the commit in parentheses where one is known. "measured" was observed on Linux 6.18 x86-64,
"derived" was read from the kernel's source, "documented" stands in the kernel's or another project's documentation.`;

function layoutSection(layout: Layout): string {
  return `### \`${layout.name}\`

${layout.size} bytes, aligned to ${layout.align}. Source: ${layout.source}.

${table(
  ['offset', 'size', 'field', 'written by', 'since', 'meaning'],
  layout.fields.map((field) => [
    field.offset,
    fieldSize(field.type),
    code(field.name),
    field.writtenBy,
    field.since ?? 'always',
    field.comment,
  ]),
)}`;
}

const layouts = (): string => `## Layouts

${[RSEQ, RSEQ_CS, PTRACE_RSEQ_CONFIGURATION].map((layout) => layoutSection(layout as unknown as Layout)).join('\n\n')}

\`PTRACE_GET_RSEQ_CONFIGURATION\` is request ${code(hex(PTRACE_GET_RSEQ_CONFIGURATION))}.

### Active size of \`struct rseq\`

The kernel announces it as \`AT_RSEQ_FEATURE_SIZE\` (${AT_RSEQ_FEATURE_SIZE}) and the alignment as \`AT_RSEQ_ALIGN\` (${AT_RSEQ_ALIGN}) in the auxiliary vector.
The length given to rseq(2) is 32, or at least that size.

${table(
  ['bytes', 'since', 'last field', 'source'],
  RSEQ_FEATURE_SIZES.map((one) => [one.size, one.since, code(one.last), one.source]),
)}

### Special values of \`cpu_id\`

${table(
  ['name', 'value', 'meaning', 'source'],
  RSEQ_CPU_ID_STATES.map((one) => [code(one.name), code(word(one.value)), one.comment, one.source]),
)}`;

const flags = (): string => {
  const head = ['flag', 'value', 'since', 'meaning', 'source'];
  const rows = (list: typeof RSEQ_AREA_FLAGS | typeof RSEQ_SYSCALL_FLAGS) =>
    list.map((flag) => [code(flag.name), code(hex(flag.value)), flag.since, flag.comment, flag.source]);
  return `## Flags

### Of the system call

${table(head, rows(RSEQ_SYSCALL_FLAGS))}

### Of \`rseq_cs.flags\` (the first three) and \`rseq.flags\`

${table(head, rows(RSEQ_AREA_FLAGS))}`;
};

const numbers = (): string => `## Numbers

### System calls

${table(
  ['architecture', 'rseq', 'note', 'source'],
  Object.entries(RSEQ_SYSCALL).map(([name, one]) => [name, one.rseq, one.note, one.source]),
)}

\`rseq_slice_yield\` is ${RSEQ_SLICE_YIELD_SYSCALL} in the common table.

### Interfaces

${table(
  ['interface', 'since', 'source'],
  RSEQ_INTERFACES.map((one) => [one.name, one.since, one.source]),
)}

### prctl

${table(
  ['name', 'value', 'meaning', 'source'],
  RSEQ_PRCTL.map((one) => [code(one.name), one.value, one.comment, one.source]),
)}

### membarrier

\`MEMBARRIER_CMD_FLAG_CPU\` is ${MEMBARRIER_CMD_FLAG_CPU}.

${table(
  ['command', 'value', 'since', 'meaning', 'source'],
  MEMBARRIER_COMMANDS.map((one) => [
    code(one.name),
    code(hex(one.value)),
    one.since,
    one.comment,
    one.source,
  ]),
)}`;

const signatures = (): string => `## Signatures

The 4 bytes before \`abort_ip\`, read as one word in the byte order of the process, must equal the signature that was
registered. The kernel prescribes no value; these are the ones librseq and glibc use.

${table(
  ['architecture', 'word', 'big-endian', 'instruction', 'note', 'source'],
  Object.entries(SIGNATURES).flatMap(([name, one]): Cell[][] => [
    [
      name,
      code(word(one.value)),
      one.bigEndian === undefined ? '' : code(word(one.bigEndian)),
      one.instruction,
      one.note,
      one.source,
    ],
    ...(one.variants ?? []).map((variant) => [
      `${name} (${variant.name})`,
      code(word(variant.littleEndian)),
      code(word(variant.bigEndian)),
      one.instruction,
      '',
      one.source,
    ]),
  ]),
)}

## End of user space

\`TASK_SIZE\`, the first address the kernel takes for its own.

${table(
  ['architecture', 'usual', 'largest', 'note', 'source'],
  Object.entries(TASK_SIZE).map(([name, one]) => [
    name,
    code(hex(one.usual)),
    code(hex(one.largest)),
    one.note,
    one.source,
  ]),
)}`;

const kernels = (row: RegistrationRow): string =>
  row.until === undefined ? `${row.since} and newer` : `${row.since} to before ${row.until}`;

const registration = (): string => {
  const rows = (operation: RegistrationRow['operation']) =>
    table(
      ['id', 'condition', 'result', 'kernels', 'known', 'source'],
      REGISTRATION_ROWS.filter((row) => row.operation === operation).map((row) => [
        code(row.id),
        row.condition,
        [row.errno === 'ok' ? '' : `${row.errno} (${ERRNO[row.errno]})`, row.consequence]
          .filter(Boolean)
          .join('; '),
        kernels(row),
        row.mark,
        row.source,
      ]),
    );
  return `## Why rseq(2) fails

The kernel checks in this order; the first row that applies decides.

### Register

${rows('register')}

### Unregister

${rows('unregister')}`;
};

const rules = (): string => {
  const names = Object.keys(KERNEL_ROWS) as RuleName[];
  const values = (name: RuleName, debug: boolean): string[] =>
    KERNEL_COLUMNS.map((column) => String(ruleValue(name, column, debug)).replace(/^(true|false)$/, yesNo));
  return `## What each kernel does

A column holds from its version up to the next one. ${BACKPORTS.map(
    (one) =>
      `Linux ${one.from} and later ${one.series} releases follow column ${one.column} (${one.source}).`,
  ).join(' ')} ${PATCHES.map(
    ({ rule, value, from, before, source }) =>
      `From ${from} up to before ${before} ${code(rule)} is ${String(value).replace(/^(true|false)$/, yesNo)} (${source}).`,
  ).join(' ')}

${table(
  ['rule', 'what', ...KERNEL_COLUMNS],
  names.map((name) => [code(name), KERNEL_ROWS[name].text, ...values(name, false)]),
)}

### With checking on

\`CONFIG_DEBUG_RSEQ\` up to 6.18; boot parameter \`rseq_debug=\` or \`/sys/kernel/debug/rseq/debug\` since 6.19. Rules not
listed are the same as without.

${table(
  ['rule', ...KERNEL_COLUMNS],
  names
    .filter((name) => KERNEL_ROWS[name].debug !== undefined)
    .map((name) => [code(name), ...values(name, true)]),
)}

### Notes and sources

${table(
  ['rule', 'note', 'known', 'source'],
  names.map((name) => {
    const { note, measured, mark, source } = KERNEL_ROWS[name];
    const known = measured.length === 0 ? mark : `measured on ${measured.join(', ')}, else ${mark}`;
    return [code(name), note, known, source];
  }),
)}`;
};

const yesNo = (text: string): string => (text === 'true' ? 'yes' : 'no');

/** The whole of docs/abi.md, with a line feed at its end. */
export function abiDocument(): string {
  return `${[INTRO, layouts(), flags(), numbers(), signatures(), registration(), rules()].join('\n\n')}\n`;
}
