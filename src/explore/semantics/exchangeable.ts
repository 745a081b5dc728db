import type { Resource } from '../turns.js';
import type { Knowledge } from './knowledge.js';
import { BUFFER, CID, pairOf } from './resources.js';
import type { World } from './world.js';

/** How many mm_cids there are: the first thread of a scenario is one more that has one. */
export const cidsOf = ({ settings, tasks, begun }: World): number =>
  Math.min(settings.cpus, tasks.length + (begun ? 0 : 1));

/** Each way to exchange them is looked at: of CPUs and mm_cids no more than these are exchanged, of CPUs alone no more than those. */
const MOST = { both: 3, alone: 4 } as const;

/** CPUs and mm_cids that nobody is known to treat differently. */
export function exchangeable(world: World, { cids, unlike }: Knowledge): readonly (readonly Resource[])[] {
  const { cpus } = world.settings;
  const most = cids ? MOST.both : MOST.alone;
  const resources: Resource[][] = [
    Array.from({ length: Math.min(cpus, most) }, (_, cpu) => [cpu, BUFFER + cpu]),
    Array.from({ length: cids ? Math.min(cidsOf(world), most) : 0 }, (_, cid) => [CID + cid]),
  ];
  const differ = ([a]: Resource, [b]: Resource): boolean => unlike.has(pairOf(a!, b!));
  return resources.flatMap((all) => {
    const classes: Resource[][] = [];
    for (const each of all) {
      const found = classes.find((others) => !others.some((other) => differ(each, other)));
      if (found === undefined) classes.push([each]);
      else found.push(each);
    }
    return classes;
  });
}
