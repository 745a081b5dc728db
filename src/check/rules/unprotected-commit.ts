import type { Addr } from '../../abi/address.js';
import { type Atom, ancestors } from '../../sections/nodes.js';
import { INDEX_FIELDS, insideCompares } from '../fields.js';
import type { Report, Rule, SectionContext } from '../rule.js';
import type { SectionView, TouchedAccess } from '../view.js';

export const unprotectedCommit: Rule = {
  id: 'unprotected-commit',
  severity: 'error',
  summary: 'The commit, or the read that it is made from, lies outside the section.',
  why: 'post_commit_offset is the distance to the instruction *behind* the commit. If it ends in front of the store, a thread that is interrupted between the two is not aborted: it stores what it computed before, over what another thread has stored meanwhile. The same happens at the other end: a value that was read before the section, changed, and stored back by the commit, overwrites what others have stored since the read.',
  kernels: 'All.',
  mend: 'Move the end of the section behind the store; read what the commit changes inside the section, or compare it there with what was read before.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const { end } = view.section;
    if (end === undefined || view.lastSyscall !== undefined) return;
    yield* staleReads(view);
    if (view.visibleStores.length > 0) return;
    const late = lateStore(view, end);
    if (late !== undefined) {
      yield {
        at: late.store.instruction.address,
        message:
          'this store is the commit, but stands behind the end of the section: an interruption in front of it is not aborted, and it overwrites what others have done',
        related: [{ at: late.read, message: 'what it changes is read here, inside' }],
      };
      return;
    }
    const store = view.accessesAt(end).find((access) => access.write && access.touched.kind === 'other');
    if (store === undefined || !belongsToSection(context, store)) return;
    yield {
      at: end,
      message:
        'this store is the commit, but stands just behind the end of the section: an interruption in front of it is not aborted, and it overwrites what others have done',
    };
  },
};

/**
 * Commits of a value made from an earlier read of the same place, in front of the section: what others have stored
 * since then is overwritten. Not where the section reads the place itself, for instance to compare it.
 */
function* staleReads(view: SectionView): Iterable<Report> {
  if (view.section.armings.length === 0) return;
  for (const store of view.commits) {
    const read = readOf(store);
    const again = view.accesses.some((access) => access.read && access.address.key === store.address.key);
    if (read === undefined || again || view.inside(read) || inArmingGap(view, read)) continue;
    yield {
      at: store.instruction.address,
      message:
        'the commit stores a value made from what the same place held before the section: an interruption between the two is not aborted, and the commit overwrites what others have done',
      related: [{ at: read, message: 'read here, in front of the section' }],
    };
  }
}

/** The read stands between the store to rseq_cs and start_ip: arming-gap tells that mistake, and one mend takes both. */
function inArmingGap(view: SectionView, read: Addr): boolean {
  const { flow } = view;
  const { start, armings } = view.section;
  return (
    flow !== undefined &&
    armings.some(({ at }) => flow.walk([...flow.successors(at)], (to) => to === start).has(read))
  );
}

/** Where the value that is stored was read from the place that it is stored to. */
function readOf({ value, address }: TouchedAccess): Addr | undefined {
  if (value === undefined) return undefined;
  for (const atom of ancestors(value)) {
    if (atom.kind === 'load' && !atom.stable && atom.address.key === address.key) return atom.at;
  }
  return undefined;
}

/** Instructions behind the end among which the commit is looked for. */
const NEAR = 8;

/** A store a few instructions behind the end, of a value that the section has read from the same place. */
function lateStore(view: SectionView, end: Addr): { store: TouchedAccess; read: Addr } | undefined {
  const { flow } = view;
  if (flow === undefined) return undefined;
  let level: readonly Addr[] = [end];
  for (let n = 0; n < NEAR; n++) {
    for (const at of level) {
      for (const store of view.accessesAt(at)) {
        const read = store.write && store.touched.kind === 'other' ? readOf(store) : undefined;
        if (read !== undefined && view.inside(read)) return { store, read };
      }
    }
    level = level.flatMap((at) => (flow.code.at(at)?.flow === 'call' ? [] : flow.successors(at)));
    level = [...new Set(level)].filter((at) => !view.inside(at) && !view.isArming(at));
  }
  return undefined;
}

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
