import { asAddr } from '../../abi/address.js';
import type { Arch } from '../../kernel/arch/index.js';
import { RIP } from '../../kernel/registers.js';
import type { Task } from '../../kernel/state.js';
import type { Stop } from '../../machine/cpu.js';
import { Refusal } from './refusal.js';
import type { WatchedMachine } from './watched.js';

/** What compilers call an architecture without extensions. */
const PLAIN = { 'x86-64': 'x86-64', aarch64: 'armv8-a' } as const;

/**
 * An instruction that this machine does not have, but processors do (AVX): a SIGILL there would be none of theirs. What none has (ud2) is a
 * crash like others. Throws Refusal.
 */
export function refuseUnknown(
  { name, convention }: Arch,
  machine: WatchedMachine,
  task: Task,
  stop: Exclude<Stop, { reason: 'budget' }>,
): void {
  const unknown =
    stop.reason === 'unknown' ||
    (stop.reason === 'trap' && (stop.trap === 'unsupported' || stop.trap === 'undefined'));
  if (!unknown) return;
  const ip = task.registers[RIP]!;
  const code = machine.fetch(ip);
  const at = asAddr(ip);
  if (at === undefined) return;
  const { text, length } = convention.decoder.decode(code, at);
  if (/^(ud|\(bad\))/.test(text)) return;
  const bytes = [...code.subarray(0, length)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  throw new Refusal(
    `the instruction ${text} (${bytes}) at 0x${ip.toString(16)} is not there on the simulated machine: compile without it (-march=${PLAIN[name]})`,
  );
}
