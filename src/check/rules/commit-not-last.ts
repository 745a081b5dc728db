import { nextOf } from '../../sections/evaluate.js';
import type { Report, Rule } from '../rule.js';

export const commitNotLast: Rule = {
  id: 'commit-not-last',
  severity: 'error',
  summary: 'There are instructions behind the commit that are still inside the section.',
  why: 'The commit has made the change; a thread that is interrupted behind it, but still inside the range, is aborted and starts over. The change is made twice.',
  kernels: 'All.',
  mend: 'End the section directly behind the committing store: put the label that post_commit_offset is made from on the next instruction.',
  *section({ view }): Iterable<Report> {
    const told = new Set<number>();
    for (const store of view.commits) {
      const { instruction } = store;
      const behind = view.successorsInside(instruction.address);
      if (behind.length === 0 || told.has(instruction.address)) continue;
      told.add(instruction.address);
      const rest = view.instructions.filter(({ address }) => address >= nextOf(instruction)).length;
      const count = rest === 1 ? '1 instruction' : `${rest} instructions`;
      yield {
        at: behind[0],
        message: `${count} behind the commit ${rest === 1 ? 'is' : 'are'} still inside the section: an interruption there aborts what is already done, and it is done twice`,
        related: [{ at: instruction.address, message: 'the commit' }],
      };
    }
  },
};
