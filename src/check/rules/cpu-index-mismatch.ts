import { indexReads, insideCompares, sameGroup } from '../fields.js';
import type { Report, Rule } from '../rule.js';

export const cpuIndexMismatch: Rule = {
  id: 'cpu-index-mismatch',
  severity: 'error',
  summary: 'The section compares one of cpu_id and mm_cid, and indexes by the other.',
  why: 'cpu_id and mm_cid (and node_id) change independently of each other: a thread can keep its CPU and get another concurrency id. A comparison of one says nothing of the other, so the index may be stale although the comparison held.',
  kernels: 'mm_cid and node_id exist since 6.3.',
  mend: 'Compare the number that the index was made from: mm_cid for memory per concurrency id, cpu_id for memory per CPU.',
  *section({ view }): Iterable<Report> {
    const { flow } = view;
    if (flow === undefined) return;
    const compares = insideCompares(view);
    if (compares.length === 0) return;
    for (const access of view.accesses) {
      if (access.touched.kind !== 'other') continue;
      const stale = indexReads(view, flow, access.address).filter((read) => !view.inside(read.at));
      const wrong = stale.find((read) => !compares.some((compare) => sameGroup(compare.field, read.field)));
      // A node of a CPU does not change: comparing the CPU protects an index by node.
      if (
        wrong === undefined ||
        (wrong.field === 'node_id' && compares.some(({ field }) => sameGroup(field, 'cpu_id')))
      )
        continue;
      const compared = compares[0]!;
      yield {
        at: compared.at,
        message: `the section compares ${compared.field}, but its memory is indexed by ${wrong.field}: the index may be stale although the comparison holds`,
        related: [
          { at: wrong.at, message: `${wrong.field} is read here` },
          { at: access.instruction.address, message: 'and used as an index here' },
        ],
      };
      return;
    }
  },
};
