/**
 * Runs a command to its end, and looks at it in the moment in which it ends (PTRACE_EVENT_EXIT): all that it has loaded is mapped then, and what its
 * first thread has registered is registered still. Only the first thread is traced, and only stops there; a tracer that dies lets it go on.
 */
import * as ptrace from '../../../linux/ptrace.js';
import { go, startStopped } from '../../../linux/spawn.js';
import { waitFor } from '../../../linux/wait.js';
import { glibcOf } from '../../glibc.js';
import { ownerOf } from '../../inspect/owner.js';
import { LiveProcess } from '../../process.js';
import type { ProgramFacts } from './facts.js';
import { programFacts, type SeenThread } from './process-facts.js';

/** Undefined: it was killed, or ended by another thread than its first, before it could be looked at. Throws SystemError where it cannot be started. */
export function watchCommand(args: readonly string[]): ProgramFacts | undefined {
  // Ctrl-C is for the command: we wait for its end, and say what we saw.
  const heard = (): void => {};
  process.on('SIGINT', heard);
  try {
    const pid = startStopped(args);
    ptrace.seize(pid, ptrace.traceOptions('EXIT'));
    go(pid);
    return follow(pid);
  } finally {
    process.off('SIGINT', heard);
  }
}

function follow(pid: number): ProgramFacts | undefined {
  let facts: ProgramFacts | undefined;
  for (;;) {
    const change = waitFor(pid);
    if (change === undefined || change.kind === 'exited' || change.kind === 'killed') return facts;
    if (change.kind === 'event' && change.event === 'EXIT') {
      try {
        facts = look(pid);
      } finally {
        ptrace.detach(pid);
      }
    } else if (change.kind === 'event' && change.event === 'STOP' && isGroupStop(change.signal))
      ptrace.listen(pid);
    else ptrace.cont(pid, change.kind === 'signal' ? change.signal : 0);
  }
}

/** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU: the event of a group stop carries its signal. */
const isGroupStop = (signal: number): boolean => signal >= 19 && signal <= 22;

function look(pid: number): ProgramFacts {
  const target = new LiveProcess(pid);
  return programFacts(target, [firstThread(target)]);
}

function firstThread(target: LiveProcess): SeenThread {
  const configuration = ptrace.rseqConfiguration(target.pid);
  if (configuration === undefined) return { known: true, registration: undefined };
  const glibc = glibcOf(target.modules, (at, size) => target.read(at, size));
  const pointer = ptrace.getRegisters(target.pid).get('fs_base');
  const { kind, text } = ownerOf(target, glibc, configuration.address, pointer);
  return { known: true, registration: { ...configuration, owner: { kind, text } } };
}
