import { SIG, signalDefault } from '../abi/signals.js';
import type { Event } from '../event/event.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Observer } from '../kernel/session.js';
import { processView, threadView } from '../kernel/view.js';
import type { Death } from './run-explain.js';

/** Deaths that are told; more would be noise. */
const MOST = 5;

/** Watches for signals that end a process, and hands each on at the moment when it strikes. */
export function watchDeaths(kernel: Kernel, tell: (death: Death) => void): Observer {
  const violations = new Map<number, Extract<Event, { kind: 'violation' }>>();
  const instructions = new Map<number, Extract<Event, { kind: 'unknown-instruction' }>>();
  const logs = new Map<number, string>();
  const dead = new Set<number>();
  return (event) => {
    if (event.kind === 'violation') violations.set(event.tid, event);
    else if (event.kind === 'unknown-instruction') instructions.set(event.tid, event);
    else if (event.kind === 'log') logs.set(event.tid, event.text);
    if (event.kind !== 'signal') return;
    const task = kernel.state.tasks.get(event.tid);
    const violation = event.signal === 'SIGSEGV' ? violations.get(event.tid) : undefined;
    const log = violation === undefined ? undefined : logs.get(event.tid);
    const instruction = event.signal === 'SIGILL' ? instructions.get(event.tid) : undefined;
    violations.delete(event.tid);
    instructions.delete(event.tid);
    if (task === undefined || event.action !== 'default' || !isFatal(event.signal)) return;
    if (dead.has(task.process.pid) || dead.size >= MOST) return;
    dead.add(task.process.pid);
    const process = processView(kernel, task.process);
    tell({ signal: event, violation, instruction, log, process, thread: threadView(kernel, task) });
  };
}

const isFatal = (name: string): boolean => {
  const number = (SIG as Readonly<Record<string, number>>)[name];
  return number === undefined || ['terminate', 'core'].includes(signalDefault(number));
};
