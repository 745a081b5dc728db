import { isErrno, SystemError, Unavailable } from '../../linux/errors.js';
import { Channel, MARK } from './channel.js';
import { JOBS } from './jobs.js';
import type { KeeperMessage, Order } from './keeper.js';

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
    channel.send(messageOf(error));
  }
  channel.close();
  return 0;
}

function messageOf(error: unknown): KeeperMessage {
  if (isErrno(error, 'EMFILE'))
    return {
      kind: 'refused',
      message:
        'there are more threads and processes than rseqlab may open files for; raise the hard limit (ulimit -Hn) and run again',
    };
  if (error instanceof SystemError || error instanceof Unavailable)
    return { kind: 'refused', message: error.message };
  return { kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
