import type { Rule } from '../check/rule.js';

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
