import type { Rule, Severity } from '../check/rule.js';

/** Every rule in a line, for --explain without a name. */
export function ruleList(rules: readonly Rule[]): string {
  const width = Math.max(...rules.map(({ id }) => id.length));
  return rules
    .map(({ id, severity, summary }) => `${id.padEnd(width)}  ${severity.padEnd(7)}  ${summary}\n`)
    .join('');
}

/** A rule in words, for --explain. */
export function ruleText(rule: Rule): string {
  return [
    `${rule.id} (${rule.severity})`,
    '',
    rule.summary,
    '',
    'What happens',
    `  ${rule.why}`,
    '',
    'Kernels',
    `  ${rule.kernels}`,
    '',
    'How to mend it',
    `  ${rule.mend}`,
    '',
    'How to suppress it',
    `  --ignore ${rule.id}, or for one function --ignore ${rule.id}@FUNCTION`,
    '',
  ].join('\n');
}

/** A section that breaks a rule, its correct twin, and what the checker says of it. */
export interface RuleExample {
  readonly bad: { readonly name: string; readonly source: string; readonly report: string };
  readonly good: { readonly name: string; readonly source: string };
  /** The verdict by kernel, in words of `--kernel` and `--debug-rseq`; undefined: silent there. */
  readonly verdicts: readonly { readonly kernel: string; readonly severity: Severity | undefined }[];
}

/** A rule's page in docs/rules, in Markdown. */
export function rulePage(rule: Rule, example: RuleExample): string {
  const { bad, good, verdicts } = example;
  const same = verdicts.every(({ severity }) => severity === verdicts[0]?.severity);
  return [
    `# \`${rule.id}\``,
    '',
    'Generated from `src/check/rules` and `test/corpus` by `npm run docs`; do not edit.',
    '',
    `${rule.severity[0]!.toUpperCase()}${rule.severity.slice(1)}. ${rule.summary}`,
    '',
    '## What happens',
    '',
    rule.why,
    '',
    '## Kernels',
    '',
    rule.kernels,
    '',
    ...(same
      ? []
      : [
          'What the checker says of the example below:',
          '',
          '| kernel | verdict |',
          '| --- | --- |',
          ...verdicts.map(({ kernel, severity }) => `| \`${kernel}\` | ${severity ?? 'silent'} |`),
          '',
        ]),
    '## How to mend it',
    '',
    rule.mend,
    '',
    '## Wrong',
    '',
    `\`test/corpus/${rule.id}/${bad.name}\``,
    '',
    '```asm',
    bad.source.trimEnd(),
    '```',
    '',
    'What the checker says (Linux 6.18):',
    '',
    '```',
    bad.report.trimEnd(),
    '```',
    '',
    '## Right',
    '',
    `\`test/corpus/${rule.id}/${good.name}\``,
    '',
    '```asm',
    good.source.trimEnd(),
    '```',
    '',
    '## How to suppress it',
    '',
    `\`--ignore ${rule.id}\`, or for one function \`--ignore ${rule.id}@FUNCTION\`.`,
    '',
  ].join('\n');
}
