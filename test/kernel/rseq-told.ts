import { KERNEL_COLUMNS } from '../../src/abi/kernel-rows.js';
import { signalName } from '../../src/abi/signals.js';
import type { Event } from '../../src/event/event.js';
import { type Simulated, simulate } from './simulated.js';

/** A situation of test/fixtures/rseq/rules.c, and what interrupts it. */
export interface Situation {
  readonly name: string;
  readonly how?: string;
  /** Bytes registered; 32 if not said. Before 6.3 no other length can be. */
  readonly length?: number;
  readonly cpus?: number;
  readonly script?: string;
}

/** What happened, in a few words: what the program printed; `<causes>` an abort, `!rule` a violation, `SIG` its end, `(what)` of a slice. */
export function tell({ stdout, events, status, outcome }: Simulated): string {
  const words = stdout.split('\n').filter((word) => word !== '');
  const notes = events.flatMap(noteOf);
  const end = status === undefined ? [outcome] : (status & 0x7f) !== 0 ? [signalName(status & 0x7f)] : [];
  return [...words, ...notes, ...end].join(' ');
}

function noteOf(event: Event): string[] {
  switch (event.kind) {
    case 'abort':
      return [`<${event.causes.join('+')}>`];
    case 'violation':
      return [`!${event.rule}`];
    case 'slice':
      return [`(${event.what})`];
    default:
      return [];
  }
}

export const runSituation = (
  { name, how = '-', length = 32, cpus = 2, script = '' }: Situation,
  kernel: string,
  debugRseq: boolean,
): Simulated =>
  simulate({
    program: 'test/fixtures/rseq/rules',
    arguments: [name, how, `${length}`],
    kernel,
    debugRseq,
    cpus,
    schedule: `script:${script}`,
    maxInstructions: 200_000,
  });

/** The outcomes through all columns, runs of the same one written once, without debug and, where that differs, with it: `4.18 X; 6.19 Y | debug 4.18 Z`. */
export function through(situation: Situation): string {
  const part = (debug: boolean): string => {
    const said: string[] = [];
    let last: string | undefined;
    for (const column of KERNEL_COLUMNS) {
      if ((situation.length ?? 32) !== 32 && ['4.18', '6.0'].includes(column)) continue;
      const now = tell(runSituation(situation, column, debug));
      if (now !== last) said.push(`${column} ${now}`);
      last = now;
    }
    return said.join('; ');
  };
  const [plain, debug] = [part(false), part(true)];
  return plain === debug ? plain : `${plain} | debug ${debug}`;
}
