import type { Command } from 'commander';
import { keeperMain } from '../live/keeper/main.js';

/** `rseqlab keeper`: the process behind commands that trace others (src/live/keeper). Not for users: help does not show it. */
export function addKeeper(program: Command, finish: (status: number) => void): void {
  program.command('keeper', { hidden: true }).action(async () => finish(await keeperMain()));
}
