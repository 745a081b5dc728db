import type { Addr } from '../../abi/address.js';
import type { Report, Rule, SectionContext } from '../rule.js';
import type { TouchedAccess } from '../view.js';

export const storeBeforeCommit: Rule = {
  id: 'store-before-commit',
  severity: 'error',
  summary: 'The section makes a change that others can see before its last store.',
  why: 'Only the last store commits. A thread that is aborted behind an earlier store has made that change and starts over: where the section reads back what it wrote (a counter, a list head), the change is made twice. Where it only writes, restarting is harmless, but others can see the value although nothing was committed.',
  kernels: 'All.',
  mend: 'Compute in registers and make one single store, the last instruction. If several words must change, publish them by one pointer or index.',
  *section(context): Iterable<Report> {
    const { view } = context;
    const commits = new Set(view.commits.map((store) => store.instruction.address));
    const told = new Set<Addr>();
    for (const store of view.visibleStores) {
      const at = store.instruction.address;
      if (commits.has(at) || told.has(at)) continue;
      told.add(at);
      const read = readsBack(context, store, 'other');
      if (read !== undefined) {
        const how =
          read === at
            ? 'this instruction reads, changes and stores it'
            : 'the section has read the same place before';
        yield {
          at,
          message: `store before the commit, to a place the section reads: ${how}, so after an abort the change is made twice`,
          related: read === at ? [] : [{ at: read, message: 'read here' }],
        };
      } else {
        yield {
          severity: 'warning',
          at,
          message:
            'store before the commit: restarting it is harmless as the section does not read it back, but others can see it although nothing has been committed',
        };
      }
    }
    yield* ownTwice(context);
  },
};

/** Nobody else sees the thread's own variables, but a restart counts them twice all the same. */
function* ownTwice(context: SectionContext): Iterable<Report> {
  const { view } = context;
  if (view.section.armings.length === 0) return;
  for (const store of view.accesses) {
    const at = store.instruction.address;
    if (!store.write || store.touched.kind !== 'tls' || view.successorsInside(at).length === 0) continue;
    const read = readsBack(context, store, 'tls');
    if (read === undefined) continue;
    yield {
      at,
      message:
        'a thread-local variable is read and changed before the end of the section: after an abort behind this the change is made twice',
      related: read === at ? [] : [{ at: read, message: 'read here' }],
    };
  }
}

/** The instruction by which the section reads, before or at the store, what the store changes. */
function readsBack({ view }: SectionContext, store: TouchedAccess, kind: 'other' | 'tls'): Addr | undefined {
  const at = store.instruction.address;
  const overlapping = view.accesses.filter(
    (access) => access.read && access.touched.kind === kind && overlap(access, store),
  );
  // What each attempt sets before it reads it starts from the same value again.
  const sets = (place: Addr): boolean =>
    view.accessesAt(place).some(({ write, address }) => write && address.key === store.address.key) &&
    !overlapping.some((access) => access.instruction.address === place);
  const { start } = view.section;
  const fromStart =
    start === undefined ? undefined : view.flow?.walk([start], (place) => !view.inside(place) || sets(place));
  const before = overlapping
    .filter(({ instruction }) => fromStart?.has(instruction.address) !== false)
    .find(
      (access) =>
        access.instruction.address === at || view.reachableInside(access.instruction.address).has(at),
    );
  return before?.instruction.address;
}

function overlap(a: TouchedAccess, b: TouchedAccess): boolean {
  const [first, second] = [a.address, b.address].map((address) =>
    address.key.slice(0, address.key.lastIndexOf('+')),
  );
  if (first !== second) return false;
  const distance = b.address.constant - a.address.constant;
  return distance < Math.max(a.size, 1) && -distance < Math.max(b.size, 1);
}
