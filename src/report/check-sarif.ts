import type { Location, Log, ReportingDescriptor, Result } from 'sarif';
import type { CheckResult, Finding } from '../check/check.js';
import { RULES } from '../check/rules/index.js';
import type { CheckDocument } from './document.js';

const LEVELS = { error: 'error', warning: 'warning', note: 'note' } as const;

/** SARIF 2.1.0 (OASIS): what code scanning services take. */
export function checkSarif(document: CheckDocument): string {
  const log: Log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'rseqlab',
            version: document.version,
            semanticVersion: document.version,
            rules: RULES.map(descriptor),
          },
        },
        artifacts: document.results.map(({ name }) => ({ location: { uri: uri(name) } })),
        columnKind: 'utf16CodeUnits',
        results: document.results.flatMap((result) =>
          result.findings.map((finding) => resultOf(result, finding)),
        ),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function descriptor(rule: (typeof RULES)[number]): ReportingDescriptor {
  return {
    id: rule.id,
    shortDescription: { text: rule.summary },
    fullDescription: { text: rule.why },
    help: { text: `${rule.why}\n\nKernels: ${rule.kernels}\n\nHow to mend: ${rule.mend}` },
    defaultConfiguration: { level: LEVELS[rule.severity] },
  };
}

function resultOf(result: CheckResult, finding: Finding): Result {
  return {
    ruleId: finding.rule,
    ruleIndex: RULES.findIndex((rule) => rule.id === finding.rule),
    level: LEVELS[finding.severity],
    message: { text: finding.message },
    locations: [location(result, finding, undefined)],
    ...(finding.related.length > 0 && {
      relatedLocations: finding.related.map((related, id) => ({
        id,
        ...location(result, related, related.message),
      })),
    }),
    partialFingerprints: {
      'rseqlab/1': `${finding.rule}:${finding.function ?? ''}:${finding.message.replace(/0x[0-9a-f]+/g, '')}`,
    },
  };
}

function location(
  result: CheckResult,
  at: Pick<Finding, 'at' | 'place' | 'line'> & { function?: string | undefined },
  message: string | undefined,
): Location {
  const { line } = at;
  return {
    ...(message !== undefined && { message: { text: message } }),
    physicalLocation: {
      artifactLocation: { uri: uri(line?.file ?? result.name) },
      ...(line && { region: { startLine: line.line, ...(line.column > 0 && { startColumn: line.column }) } }),
      // A virtual address where there is one; a place in a relocatable file has a name only.
      ...(at.at !== undefined && {
        address:
          result.type === 'relocatable'
            ? { fullyQualifiedName: at.place ?? '' }
            : { absoluteAddress: at.at, fullyQualifiedName: at.place ?? '' },
      }),
    },
    ...(at.function !== undefined && { logicalLocations: [{ name: at.function, kind: 'function' }] }),
  };
}

const uri = (path: string): string => path.split('/').map(encodeURIComponent).join('/');
