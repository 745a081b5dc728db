import { ascending, type Column, MEASURED, OTHERS } from './columns.js';
import type { Row } from './real.js';

/** A simulated kernel that does not give what is expected. */
export interface Difference extends Column {
  readonly id: string;
  readonly simulated: string;
}

export const nameOf = ({ version, debug }: Column): string => `${version}${debug ? ' with debugging' : ''}`;

const code = (text: string): string => `\`${text.replaceAll('|', '\\|')}\``;

/** What other kernels do, and where the simulated ones differ from that. */
function others(id: string, differences: readonly Difference[]): string {
  const { before, since, debug, source } = OTHERS[id] ?? {};
  const words = [
    ...ascending(before).map(([version, value]) => `before ${version} ${code(value)}`),
    ...ascending(since).map(([version, value]) => `since ${version} ${code(value)}`),
    ...ascending(debug).map(([version, value]) => `with debugging since ${version} ${code(value)}`),
    ...differences.map((one) => `**simulated ${nameOf(one)}: ${code(one.simulated)}**`),
  ];
  return `${words.join('; ')}${source === undefined ? '' : ` (${source})`}`;
}

/** docs/conformance.md. */
export function documentText(
  rows: readonly Row[],
  columns: readonly Column[],
  differences: readonly Difference[],
): string {
  const is618 = ({ version, debug }: Column): boolean => version === '6.18' && !debug;
  const count = new Set(differences.map(({ id }) => id)).size;
  const lines = [
    '# Conformance',
    '',
    `${rows.length} rows: what a rule of the kernel looks like to a program. Each was run on Linux 6.18 (x86-64) and on the simulated one, the rows that`,
    `versions differ in on simulated ${columns.map(nameOf).join(', ')} too. ${count === 0 ? 'There is no difference.' : `Rows with a difference: ${count}, in bold.`}`,
    '',
    "Measured: 6.18. What other kernels should do is derived from their sources, which are named. Debian's 6.1, 6.19.14, 7.0.13, 7.1.13 and 7.3.4 were asked too, in",
    'emulated machines (`test/conformance/kernels`, `measured.json`), of arm64 6.12.111, 6.19.14, 7.0.13 and 7.1.13: rows of `rseqlab doctor` are held to that, and every row of the simulated arm64. Without a word about other',
    'kernels, all do the same as far as is known. Debugging is CONFIG_DEBUG_RSEQ up to 6.18, `rseq_debug=1` since.',
    '',
    '- `test/conformance/rows list` names the rows, `test/conformance/rows ROW` runs one: a static program without a C library, made by `build.sh` beside it.',
    '- `node bin/rseqlab.js run test/conformance/rows ROW` runs it on the simulated kernel.',
    '- `test/conformance/real.test.ts` holds the kernel underneath to the table, `simulated.test.ts` the simulated one. `npm run accept` writes the tables.',
  ];
  let subject = '';
  for (const { id, description, source } of rows) {
    const [group] = id.split('.') as [string];
    if (group !== subject) {
      subject = group;
      lines.push(
        '',
        `## ${group}`,
        '',
        '| row | what | source | Linux 6.18 | simulated | other kernels |',
        '| --- | --- | --- | --- | --- | --- |',
      );
    }
    const wrong = differences.filter((one) => one.id === id);
    const simulated = wrong.find(is618);
    const cells = [
      id,
      description,
      source,
      code(MEASURED[id] ?? ''),
      simulated === undefined ? 'same' : `**${code(simulated.simulated)}**`,
      others(
        id,
        wrong.filter((one) => !is618(one)),
      ),
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}
