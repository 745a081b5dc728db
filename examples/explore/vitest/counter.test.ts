import { expectCounterexample, expectVerified } from 'rseqlab/explore';
import { it } from 'vitest';

/** Compiled beforehand: gcc -O2 -g -c -I include counter.c */
const object = (name: string) => new URL(`../${name}.o`, import.meta.url);

it('counter.c: no increment is lost', async () => {
  await expectVerified(object('counter'));
});

it('nor with three CPUs, on the first kernel that knows rseq', async () => {
  await expectVerified(object('counter'), { cpus: 3, kernel: '4.18' });
});

// A scenario that no mistake can make fail proves nothing: break the code on purpose, and see that it is noticed.
it('counter-bug.c: the scenario notices a read in front of the section', async () => {
  await expectCounterexample(object('counter-bug'), {}, { kind: 'final', text: /sum\(\) == 2/ });
});
