import type { ExploreDocument, SourceText, Verdict } from '../explore/timeline.js';
import { workflowCommand } from './check-github.js';

/** Commands of GitHub Actions' log: an annotation for each scenario that is not verified, at the line where it goes wrong, if that is known. */
export function exploreGithub({ file, results }: ExploreDocument): string {
  return results
    .filter(({ verdict }) => verdict !== 'verified')
    .map((verdict) => {
      const { counterexample, bound, scenario, sentence } = verdict;
      const source = counterexample && lastSource(verdict);
      return workflowCommand(verdict.verdict === 'counterexample' ? 'error' : 'warning', {
        file: source?.file ?? file,
        line: source?.line,
        title: `rseqlab explore ${scenario}`,
        text: [sentence, counterexample?.explanation ?? bound?.text].filter(Boolean).join(': '),
      });
    })
    .join('');
}

/** Of the violation's row, or of the last one in front of it that has any. */
function lastSource({ counterexample }: Verdict): SourceText | undefined {
  const { rows, violation } = counterexample!;
  return rows.slice(0, violation.row + 1).findLast(({ source }) => source !== undefined)?.source;
}
