import type { Case, Subject } from './row.js';

const SEGV = 'killed by SIGSEGV';
const ABORTED = 'aborted; rseq_cs cleared';
const COMMITTED = 'committed; rseq_cs kept';
const SEES = 'handler sees abort_ip; rseq_cs cleared; aborted';
/** Length 64 is refused before 6.3. */
const SHORT = { lengthRule: 'exactly-32' } as const;
const MEMBARRIER: readonly Case[] = [
  [{ before: '5.10' }, 'not aborted each time'],
  [{}, 'aborted each time'],
];

// biome-ignore format: a table
export const SECTIONS: readonly Subject[] = [
  {
    title: 'aborts',
    harm: 'programs with restartable sequences lose updates of their per-CPU data, without a word; run them with GLIBC_TUNABLES=glibc.pthread.rseq=0, or on another kernel (arm64: 6.19 to 7.0.13 did so; 411c1cf43039 mends it).',
    rows: [
      { id: 'abort.none', promise: 'a section that nothing interrupts gets to its end', expected: 'committed' },
      { id: 'abort.preempt', promise: 'preempted inside by another thread: aborted', expected: ABORTED },
      { id: 'abort.preempt-long', promise: 'also when 64 bytes are registered', expected: [[SHORT, 'EINVAL; committed; rseq_cs kept'], [{}, `0; ${ABORTED}`]] },
      { id: 'abort.preempt-10', promise: 'each of ten times', expected: '10 of 10 aborted' },
      { id: 'abort.second-thread', promise: 'in a second thread, with an area of its own', expected: `0; ${ABORTED}` },
      { id: 'abort.preempt-unregistered', promise: 'not after unregistering', expected: COMMITTED },
      { id: 'abort.registers', promise: 'registers at abort_ip are those of the interruption', expected: 'aborted, registers kept' },
      { id: 'abort.migrate', promise: 'moved to another CPU: aborted, and cpu_id is the new one', expected: 'aborted; cpu_id of the new CPU' },
      { id: 'abort.kill', promise: 'a signal from another thread: aborted before its handler', expected: SEES },
      { id: 'abort.timer', promise: 'a signal of a timer', expected: SEES },
      { id: 'abort.at-start', promise: 'a signal at the first instruction', expected: SEES },
      { id: 'abort.in-the-middle', promise: 'a signal in the middle', expected: SEES },
      { id: 'abort.at-the-last', promise: 'a signal at the last instruction: the commit is not made', expected: SEES },
      { id: 'abort.behind', promise: 'a signal behind the last: committed', expected: 'handler sees start_ip + post_commit_offset; rseq_cs cleared; committed' },
      { id: 'abort.in-front', promise: 'a signal in front of start_ip clears rseq_cs: the section runs unprotected', expected: 'handler sees the instruction before start_ip; rseq_cs cleared; committed' },
      { id: 'abort.fault', promise: 'a page fault with a handler', expected: `si_code 1, address 0x10; ${SEES}` },
      { id: 'abort.breakpoint', promise: 'int3 with a handler', expected: SEES },
      { id: 'abort.signal-ignored', promise: 'an ignored signal does not abort', expected: 'committed' },
      { id: 'abort.signal-blocked', promise: 'a blocked signal does not abort', expected: 'committed' },
      { id: 'abort.handler-section', promise: 'a section in the handler works', expected: 'handler\'s section committed; interrupted section aborted' },
      { id: 'abort.alternate-stack', promise: 'a handler on another stack', expected: `on the alternate stack; ${SEES}` },
      { id: 'abort.membarrier', promise: 'membarrier(2) of another CPU aborts running sections', expected: MEMBARRIER, needs: 'membarrier' },
      { id: 'abort.membarrier-cpu', promise: 'also for one CPU only', expected: MEMBARRIER, needs: 'membarrier' },
      { id: 'abort.membarrier-other-cpu', promise: 'for one CPU it leaves the others alone', expected: 'not aborted each time', needs: 'membarrier' },
      { id: 'stop.inside', promise: 'SIGSTOP and SIGCONT: aborted', expected: 'child stopped by SIGSTOP; aborted' },
    ],
  },
  {
    title: 'lazy clear',
    rows: [
      { id: 'lazy.committed', promise: 'a commit leaves rseq_cs as it is', expected: 'rseq_cs kept' },
      { id: 'lazy.cleared', promise: 'preempted outside: rseq_cs becomes NULL', expected: 'rseq_cs cleared' },
      { id: 'lazy.kept', promise: 'without a switch it stays', expected: [[{ debug: true, evaluation: 'interrupted-only' }, 'rseq_cs cleared'], [{ debug: true, evaluation: 'by-length' }, 'rseq_cs cleared'], [{}, 'rseq_cs kept']] },
      { id: 'lazy.in-a-call', promise: 'blocked in a system call: cleared up to 6.18', expected: inCall() },
      { id: 'lazy.migration', promise: 'migrated in a system call: cleared up to 6.18', expected: inCall() },
      { id: 'lazy.gap', promise: 'preempted between the store and start_ip: unprotected', expected: 'committed' },
      { id: 'lazy.branch-out-and-back', promise: 'preempted after a jump out: unprotected after the jump back', expected: 'committed' },
      { id: 'lazy.without-arming', promise: 'entered again without a store: unprotected', expected: 'first time aborted; again without a store to rseq_cs committed' },
      { id: 'lazy.second-store', promise: 'a second store replaces the first', expected: 'the inner one aborted' },
      { id: 'lazy.disarmed', promise: 'what the program has set to NULL is not looked at', expected: 'survived' },
    ],
  },
  {
    title: 'system calls inside',
    rows: [
      { id: 'inside.getpid', promise: 'a system call in the middle: unnoticed; with debugging it kills', expected: call('the right number; went on behind the call; committed') },
      { id: 'inside.error', promise: 'one that fails', expected: call('EBADF; went on behind the call; committed') },
      { id: 'inside.nanosleep', promise: 'one that sleeps is done, and up to 6.18 the section is aborted', expected: call('slept; did not go on behind the call; aborted; rseq_cs cleared', 'slept; went on behind the call; committed; rseq_cs kept') },
      { id: 'inside.read', promise: 'one that waits for a byte', expected: call('byte taken; did not go on behind the call; aborted', 'byte taken; went on behind the call; committed') },
      { id: 'inside.kill-blocked', promise: 'a blocked signal to itself', expected: call('went on behind the call; committed') },
      { id: 'inside.migrate', promise: 'sched_setaffinity(2) to another CPU', expected: call('did not go on behind the call; aborted', 'went on behind the call; committed') },
      { id: 'inside.fork', promise: 'fork(2): the child is aborted up to 6.18', expected: call('child aborted; parent committed', 'child committed; parent committed') },
      { id: 'inside.mprotect', promise: 'mprotect(2) of the descriptor', expected: call('went on behind the call; committed') },
      { id: 'inside.unregister', promise: 'rseq(2) unregisters', expected: 'went on behind the call; committed' },
      { id: 'last.getpid', promise: 'as the last instruction: 5,001 commits or aborts, nothing between', expected: 'the right number; 0 of 5001 neither committed nor aborted' },
      { id: 'last.write', promise: 'made as often as committed', expected: '0 of 5000 neither committed nor aborted; 0 calls more than commits' },
      { id: 'last.error', promise: 'one that fails, as the last', expected: 'EBADF' },
      { id: 'last.nanosleep', promise: 'one that sleeps, as the last', expected: [
        [{ evaluation: 'every-switch' }, '0; committed; rseq_cs cleared'],
        [{ debug: true }, '0; committed; rseq_cs cleared'],
        [{}, '0; committed; rseq_cs kept'],
      ] },
      { id: 'last.read', promise: 'one that waits, as the last', expected: '1; committed' },
      { id: 'last.fork', promise: 'fork(2) as the last', expected: 'child committed; parent committed' },
      { id: 'last.kill', promise: 'a signal to itself, as the last', expected: 'handler sees start_ip + post_commit_offset; committed' },
      { id: 'last.read-eintr', promise: 'interrupted without SA_RESTART: EINTR, committed', expected: 'handler sees start_ip + post_commit_offset; EINTR; committed' },
      { id: 'last.read-restart', promise: 'interrupted with SA_RESTART: the call is inside again', expected: [
        [{ evaluation: 'interrupted-only' }, 'handler sees the system call; committed'],
        // Checking clears rseq_cs when a call returns outside: there is nothing left to look at (__rseq_debug_syscall_return).
        [{ evaluation: 'by-length', debug: true }, 'handler sees the system call; committed'],
        [{}, 'handler sees abort_ip; aborted'],
      ] },
      { id: 'last.nanosleep-restart', promise: 'nanosleep(2) is never restarted by a handler', expected: 'handler sees start_ip + post_commit_offset; EINTR; committed' },
      { id: 'last.read-stopped', promise: 'stopped and continued while it waits', expected: [[{ evaluation: 'every-switch' }, 'child stopped by SIGSTOP; child aborted'], [{}, 'child stopped by SIGSTOP; child committed']] },
    ],
  },
];

function inCall(): readonly Case[] {
  return [
    [{ evaluation: 'every-switch' }, 'rseq_cs cleared'],
    [{ debug: true }, 'rseq_cs cleared'],
    [{}, 'rseq_cs kept'],
  ];
}

/** A call in the middle: debugging kills; since 6.19 what happens inside of it counts for nothing. */
function call(usual: string, since619 = usual): readonly Case[] {
  return [
    [{ syscallInSection: 'kill' }, SEGV],
    [{ evaluation: 'every-switch' }, usual],
    [{}, since619],
  ];
}
