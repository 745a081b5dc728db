import type { Policy } from '../policy.js';
import { abortsPolicy } from './aborts.js';
import { pct } from './pct.js';
import { randomPolicy } from './random.js';
import { roundRobin } from './round-robin.js';
import { parseScript } from './script.js';
import { scripted } from './scripted.js';

/** A way to decide who runs when, as --schedule names it: `NAME` or `NAME:PARAMETER`. */
export interface PolicyRow {
  readonly text: string;
  /** What stands behind the colon: nothing, a number, or (script) a text, for which the command takes a file. */
  readonly parameter: 'none' | 'number' | 'text';
  /** Throws RangeError where the parameter is no good. */
  make(seed: number, parameter: string): Policy;
}

export const POLICIES: Readonly<Record<string, PolicyRow>> = {
  random: {
    text: 'turns of random length, random preemptions and migrations',
    parameter: 'none',
    make: (seed) => randomPolicy(seed),
  },
  rr: { text: 'round robin with a fixed time slice', parameter: 'none', make: () => roundRobin() },
  aborts: {
    text: 'interrupts threads inside their sections, again and again',
    parameter: 'none',
    make: (seed) => abortsPolicy(seed),
  },
  pct: {
    text: 'random priorities with D - 1 changes (probabilistic concurrency testing)',
    parameter: 'number',
    make: (seed, depth) => pct(seed, Number(depth)),
  },
  script: {
    text: 'as a file says, step by step (docs/kernel-model.md)',
    parameter: 'text',
    make: (seed, text) => {
      const script = parseScript(text);
      if (script.rest.startsWith('script'))
        throw new RangeError('script: rest cannot be a script; write rest rr or rest random');
      return scripted(script, makePolicy(script.rest, seed));
    },
  },
};

/** `random`, `pct:3`, `script:...`: the policy. Throws RangeError, which says what is wrong. */
export function makePolicy(schedule: string, seed: number): Policy {
  const [name = '', ...rest] = schedule.split(':');
  const parameter = rest.join(':');
  const row = Object.hasOwn(POLICIES, name) ? POLICIES[name] : undefined;
  if (row === undefined)
    throw new RangeError(`there is no schedule ${name}; there are ${Object.keys(POLICIES).join(', ')}`);
  if (row.parameter === 'none' && rest.length > 0)
    throw new RangeError(`the schedule ${name} takes nothing behind a colon`);
  if (row.parameter === 'number' && !/^\d{1,6}$/.test(parameter))
    throw new RangeError(`the schedule ${name} needs a number: ${name}:3`);
  return row.make(seed, parameter);
}
