import type { Command } from 'commander';
import { UsageError } from './exit.js';

/** Refuses options that were given, and would do nothing. `rows`: each with whether it does something, and what it is for. */
export function refuseIdle(
  command: Command,
  rows: readonly (readonly [option: string, does: boolean, belongsTo: string])[],
): void {
  for (const [option, does, belongsTo] of rows)
    if (!does && command.getOptionValueSource(option) === 'cli')
      throw new UsageError(`${command.name()}: --${option} is for ${belongsTo}, and would do nothing here`);
}
