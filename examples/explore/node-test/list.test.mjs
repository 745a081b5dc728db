import { test } from 'node:test';
import { expectCounterexample, expectVerified } from 'rseqlab/explore';

/** Compiled beforehand: gcc -O2 -g -c -I include list.c */
const object = (name) => new URL(`../${name}.o`, import.meta.url);

test('list.c: push and pop lose no node', async () => {
  await expectVerified(object('list'), { scenario: 'push_pop' });
});

test('list-bug.c: a node that comes back is noticed', async () => {
  await expectCounterexample(object('list-bug'), { scenario: 'aba' }, 'all_there(2)');
});
