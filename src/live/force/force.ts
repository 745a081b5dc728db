import { signalName } from '../../abi/signals.js';
import type { CounterexampleTrace } from '../../explore/trace.js';
import { VERSION } from '../../node/version.js';
import { FORCE_SCHEMA, type ForceDocument } from '../../report/force-document.js';
import type { ProgramEnd } from '../../report/stress-document.js';
import { endOf, keeperIsGone, startKeeper } from '../keeper/door.js';
import type { ForceConfig, ForceResult } from './job.js';
import { type Plan, planOf } from './plan.js';

/** Times that a way is tried on which threads wait inside sections: something else may interrupt them there. */
const TIMES = 10;

interface Options {
  readonly outputAside: boolean;
  readonly expectStatus: number;
  readonly abort?: AbortSignal;
}

/** Lets real threads go the way of a counterexample. Throws Refused, whose message is for the user. */
export async function force(
  trace: CounterexampleTrace,
  command: readonly string[],
  options: Options,
): Promise<ForceDocument> {
  const plan = planOf(trace);
  const times = plan.turns.some(({ spins }) => spins) ? TIMES : 1;
  for (let time = 1; ; time++) {
    const document = await forceOnce(plan, command, options);
    if (document.verdict === 'happened' || time === times || options.abort?.aborted) return document;
  }
}

async function forceOnce(
  plan: Plan,
  command: readonly string[],
  { outputAside, expectStatus, abort }: Options,
): Promise<ForceDocument> {
  const config: ForceConfig = { ...plan, command };
  const door = startKeeper<ForceResult>(
    { job: 'force', config },
    { alone: false, output: outputAside ? 'aside' : 'own' },
  );
  const stop = (): void => door.stop();
  abort?.addEventListener('abort', stop);
  let program: ProgramEnd = {};
  let result: ForceResult | undefined;
  try {
    for await (const message of door.messages) {
      if (message.kind === 'ended') program = endOf(message);
      if (message.kind === 'result') result = message;
    }
  } finally {
    abort?.removeEventListener('abort', stop);
  }
  if (result === undefined) throw keeperIsGone();
  const { done, diverged } = result;
  const failed = program.signal !== undefined || program.status !== expectStatus;
  const all = done >= plan.turns.length;
  const verdict = !all ? 'diverged' : failed ? 'happened' : 'right';
  const how =
    program.signal === undefined ? `ended with status ${program.status}` : `was killed by ${program.signal}`;
  return {
    schema: FORCE_SCHEMA,
    version: VERSION,
    command,
    scenario: plan.scenario,
    violation: plan.violation,
    verdict,
    sentence:
      verdict === 'happened'
        ? `the real program ${how}, on the real kernel, on the way that explore found (${plan.violation})`
        : verdict === 'right'
          ? `the real program ${how}, although its threads went the way that explore found (${plan.violation})`
          : `the real threads went another way: ${diverged ?? 'broken off'}`,
    program,
    turns: plan.turns.map(({ task, place, text, cpu, signal, spins }, index) => ({
      task: plan.tasks[task]!,
      ...(plan.cpus > 1 && { cpu }),
      ...(signal !== undefined && { signal: signalName(signal) }),
      ...(spins && { spins }),
      ...(place !== undefined && { place }),
      ...(text !== undefined && { text }),
      done: index < done,
    })),
  };
}
