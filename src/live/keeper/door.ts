import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { signalName } from '../../abi/signals.js';
import { Refused } from '../refused.js';
import { FROM_TOOL, MARK, TO_TOOL } from './channel.js';
import type { KeeperMessage, Order } from './keeper.js';

/** The command of this package, from wherever this module is run. */
function command(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'bin/rseqlab.js');
    if (existsSync(file) && existsSync(join(folder, 'package.json'))) return file;
    if (folder === dirname(folder)) throw new Error('the package is not whole: bin/rseqlab.js is missing');
  }
}

const STANDARD = {
  own: ['inherit', 'inherit', 'inherit'],
  aside: ['inherit', 2, 2],
  none: ['ignore', 'ignore', 'ignore'],
} as const;

/** The program has ended. */
export type Ended = Extract<KeeperMessage, { kind: 'ended' }>;

/** How, as reports have it. */
export const endOf = ({
  status = 0,
  signal,
}: Ended): { readonly status: number } | { readonly signal: string } =>
  signal === undefined ? { status } : { signal: signalName(signal) };

/** The messages have come to their end, and what was to be in them is missing. */
export const keeperIsGone = (): Refused => new Refused('the keeper of the program was killed; run again');

/** A keeper at work, from its tool's side. */
export interface KeeperDoor<M> {
  /** All that it says, up to its end. Throws Refused where nothing could be begun, Error for a mistake of ours. */
  readonly messages: AsyncIterable<M | Ended>;
  say(message: object): void;
  /** Asks it to take everything back and to end. */
  stop(): void;
  readonly pid: number;
}

/**
 * Starts a keeper. `alone`: in a session of its own, for processes that others have started; else in our process group, so that Ctrl-C and the
 * terminal work for the program that it starts.
 */
export function startKeeper<M>(
  order: Order,
  {
    alone,
    output = 'own',
  }: {
    readonly alone: boolean;
    /** Of the program that it starts: `own`, ours; `aside`, standard output goes to our standard error; `none`, nothing is read or seen. */
    readonly output?: 'own' | 'aside' | 'none';
  },
): KeeperDoor<M> {
  const { RSEQLAB_DEBUG: _, ...env } = process.env;
  const child = spawn(process.execPath, [command(), 'keeper'], {
    stdio: [...STANDARD[output], 'pipe', 'pipe'],
    detached: alone,
    env: { ...env, [MARK]: '1' },
  });
  const to = child.stdio[FROM_TOOL] as Writable;
  // A keeper that is gone hears nothing more; its messages end then.
  to.on('error', () => {});
  const say = (message: object): void => {
    to.write(`${JSON.stringify(message)}\n`);
  };
  say(order);
  const lines = createInterface({ input: child.stdio[TO_TOOL] as NodeJS.ReadableStream });
  async function* messages(): AsyncGenerator<M | Ended> {
    for await (const line of lines) {
      const message = JSON.parse(line) as KeeperMessage;
      if (message.kind === 'refused') throw new Refused(message.message);
      if (message.kind === 'failed') throw new Error(message.message);
      yield message as M | Ended;
    }
  }
  return { messages: messages(), say, stop: () => say({ kind: 'stop' }), pid: child.pid! };
}
