import { type Atom, ancestors } from '../../sections/nodes.js';
import { INDEX_FIELDS, insideCompares } from '../fields.js';
import type { Report, Rule, SectionContext } from '../rule.js';
import type { TouchedAccess } from '../view.js';

export const unprotectedCommit: Rule = {
  id: 'unprotected-commit',
  severity: 'error',
  summary: 'The committing store stands just behind the end of the section.',
  why: 'post_commit_offset is the distance to the instruction *behind* the commit. If it ends in front of the store, a thread that is interrupted between the two is not aborted: it stores what it computed before, over what another thread has stored meanwhile.',
  kernels: 'All.',
  mend: 'Move the end of the section behind the store.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const { end } = view.section;
    if (end === undefined || view.visibleStores.length > 0 || view.lastSyscall !== undefined) return;
    const store = view.accessesAt(end).find((access) => access.write && access.touched.kind === 'other');
    if (store === undefined || !belongsToSection(context, store)) return;
    yield {
      at: end,
      message:
        'this store is the commit, but stands just behind the end of the section: an interruption in front of it is not aborted, and it overwrites what others have done',
    };
  },
};

/** The store goes where the section has read from, or to an address made from the CPU number, or from what that is compared with. */
function belongsToSection({ view }: SectionContext, store: TouchedAccess): boolean {
  const reads = view.accesses.filter((access) => access.read && access.touched.kind === 'other');
  if (reads.some((access) => access.address.key === store.address.key)) return true;
  const compared = new Set(
    insideCompares(view).flatMap(({ sides }) => sides.flatMap((side) => side.terms.map(({ atom }) => atom))),
  );
  return [...ancestors(store.address)].some((atom) => isIndex(view, atom) || compared.has(atom));
}

function isIndex(view: SectionContext['view'], atom: Atom): boolean {
  if (atom.kind !== 'load' || view.flow === undefined) return false;
  const offset = view.findings.area.offsetOf(view.flow, atom.address);
  return offset !== undefined && INDEX_FIELDS.has(offset);
}
