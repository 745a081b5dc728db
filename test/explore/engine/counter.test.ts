import { describe, expect, it } from 'vitest';
import { explore } from '../../../src/explore/search.js';
import { counterModel } from './counter-model.js';

describe('the packed counter', () => {
  it('has as many states as SPIN finds', async () => {
    const parameters = { tasks: 2, cpus: 2, increments: 2, signals: 0 };
    const verdict = await explore(() => counterModel(parameters), { symmetry: false });
    expect(verdict).toMatchObject({ kind: 'verified' });
    console.log(verdict);
  });
  it('is found wrong without aborts', async () => {
    const parameters = { tasks: 2, cpus: 2, increments: 2, signals: 0, bug: true };
    const verdict = await explore(() => counterModel(parameters), { symmetry: false });
    console.dir(verdict, { depth: 4 });
  });
});
