import { SystemError, Unavailable } from '../../linux/errors.js';
import { Channel, MARK } from './channel.js';
import { JOBS } from './jobs.js';
import type { Order } from './keeper.js';

/** What ends a tool at its terminal is not for its keeper. */
const NOT_FOR_US = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** `rseqlab keeper`, which no user types: does what its first message orders. The exit status is 0 unless it is used wrongly. */
export async function keeperMain(): Promise<number> {
  for (const name of NOT_FOR_US) process.on(name, () => {});
  if (process.env[MARK] === undefined) {
    process.stderr.write('rseqlab: keeper is for rseqlab itself; rseqlab --help shows the commands\n');
    return 2;
  }
  // Programs find the environment of their user.
  delete process.env[MARK];
  const channel = new Channel();
  const order = channel.receive(true) as Order | undefined;
  if (order === undefined) return 0;
  try {
    await JOBS[order.job]!(channel, order.config);
  } catch (error) {
    const refused = error instanceof SystemError || error instanceof Unavailable;
    const message =
      error instanceof Error ? (refused ? error.message : (error.stack ?? error.message)) : String(error);
    channel.send({ kind: refused ? 'refused' : 'failed', message });
  }
  channel.close();
  return 0;
}
