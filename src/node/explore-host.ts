import { Worker } from 'node:worker_threads';
import type { ExploreHost } from '../explore/verdict.js';

/** A thread's whole program: the rest is the module, which waits for its rounds by itself. */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, context } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
parentPort.postMessage('ready');
exports.serve(context);
`;

/** Threads of Node, for `explore`. */
export const exploreHost: ExploreHost = {
  async start({ module, memory, contexts }) {
    const threads = contexts.map(
      (context) => new Worker(PROGRAM, { eval: true, workerData: { module, memory, context } }),
    );
    await Promise.all(
      threads.map(
        (thread) =>
          new Promise((resolve, reject) => {
            thread.once('message', resolve);
            thread.once('error', reject);
          }),
      ),
    );
    for (const thread of threads) thread.unref();
    return { end() {} };
  },
  rest: () => new Promise((resolve) => setImmediate(resolve)),
};
