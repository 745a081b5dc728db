import type { RuleName } from '../../abi/kernel-rows.js';
import type { Case, Subject } from './row.js';

const SEGV = 'killed by SIGSEGV';
const ABORTED = 'aborted; rseq_cs cleared';
const CLEARED = 'survived; rseq_cs cleared';

/** Killed where the rule is checked, else treated like any other section. */
const checked = (rule: RuleName): readonly Case[] => [
  [{ [rule]: true }, SEGV],
  [{}, ABORTED],
];
const flags = (before60: string): readonly Case[] => [
  [{ noRestartFlags: 'honoured' }, before60],
  [{ noRestartFlags: 'kill' }, SEGV],
  [{}, ABORTED],
];
/** rseq.flags: since 6.19 nobody looks at them, with debugging neither. */
const ownFlags = (before60: string): readonly Case[] => [
  [{ noRestartFlags: 'honoured' }, before60],
  [{ evaluation: 'every-switch' }, SEGV],
  [{}, ABORTED],
];
const outside = (killed = SEGV, cleared = CLEARED): readonly Case[] => [
  [{ checksOutside: 'everything' }, killed],
  [{}, cleared],
];
const startAndEnd = (unseen: string): readonly Case[] => [
  [{ checksOutside: 'nothing' }, unseen],
  [{}, SEGV],
];

// biome-ignore format: a table
export const VIOLATIONS: readonly Subject[] = [
  {
    title: 'what kills',
    harm: 'broken sections go unnoticed, or correct programs are killed.',
    rows: [
      { id: 'violation.none', promise: 'a correct section is aborted, not killed', expected: ABORTED },
      { id: 'violation.version-1', promise: 'rseq_cs.version 1', expected: checked('checksVersion') },
      { id: 'violation.cs-flags-1', promise: 'rseq_cs.flags NO_RESTART_ON_PREEMPT', expected: flags('committed; rseq_cs kept') },
      { id: 'violation.cs-flags-2', promise: 'rseq_cs.flags NO_RESTART_ON_SIGNAL', expected: flags(SEGV) },
      { id: 'violation.cs-flags-4', promise: 'rseq_cs.flags NO_RESTART_ON_MIGRATE', expected: flags(ABORTED) },
      { id: 'violation.cs-flags-7', promise: 'rseq_cs.flags with all three', expected: flags('committed; rseq_cs kept') },
      { id: 'violation.cs-flags-80', promise: 'rseq_cs.flags with an unknown bit', expected: flags(ABORTED) },
      { id: 'violation.flags-1', promise: 'rseq.flags NO_RESTART_ON_PREEMPT', expected: ownFlags('committed; rseq_cs kept') },
      { id: 'violation.flags-7', promise: 'rseq.flags with all three', expected: ownFlags('committed; rseq_cs kept') },
      { id: 'violation.flags-80000000', promise: 'rseq.flags with an unknown bit', expected: ownFlags(ABORTED) },
      { id: 'violation.signature', promise: 'another signature in front of abort_ip', expected: `0; ${SEGV}` },
      { id: 'violation.signature-unreadable', promise: 'a signature that cannot be read', expected: SEGV },
      { id: 'violation.abort-inside', promise: 'abort_ip inside the section (its signature is not that)', expected: SEGV },
      { id: 'violation.abort-in-kernel', promise: 'abort_ip an address of the kernel', expected: SEGV },
      { id: 'violation.abort-at-task-size', promise: 'abort_ip the first address behind user space', expected: SEGV },
      { id: 'violation.abort-0', promise: 'abort_ip 0', expected: SEGV },
      { id: 'violation.wrap', promise: 'start_ip + post_commit_offset wraps around', expected: checked('checksWrap') },
      { id: 'violation.end-in-kernel', promise: 'the section ends outside of user space', expected: checked('checksRange') },
      { id: 'violation.rseq-cs-16', promise: 'rseq_cs 0x10', expected: SEGV },
      { id: 'violation.rseq-cs-in-kernel', promise: 'rseq_cs an address of the kernel', expected: SEGV },
      { id: 'violation.rseq-cs-unmapped', promise: 'a descriptor that was unmapped, outside of every section', expected: SEGV },
      { id: 'violation.rseq-cs-half-mapped', promise: 'a descriptor whose second half is not mapped', expected: SEGV },
      { id: 'violation.area-unmapped', promise: 'struct rseq unmapped', expected: `0; ${SEGV}` },
      { id: 'violation.area-read-only', promise: 'struct rseq read-only', expected: [
        [{ evaluation: 'interrupted-only', sliceExtension: false, debug: false }, ['0; survived', `0; ${SEGV}`]],
        [{ evaluation: 'interrupted-only', sliceExtension: true, debug: false }, [`0; ${SEGV}`, '0; survived']],
        [{}, `0; ${SEGV}`],
      ] },
      { id: 'violation.uninterrupted', promise: 'nothing is looked at until something interrupts', expected: 'section exits with 1' },
      { id: 'outside.version', promise: 'version 1, preempted outside', expected: outside() },
      { id: 'outside.cs-flags', promise: 'flags, preempted outside', expected: CLEARED },
      { id: 'outside.signature', promise: 'another signature, preempted outside', expected: outside(`0; ${SEGV}`, `0; ${CLEARED}`) },
      { id: 'outside.start-in-kernel', promise: 'start_ip an address of the kernel, outside', expected: startAndEnd(CLEARED) },
      { id: 'outside.wrap', promise: 'a section of the whole address space', expected: startAndEnd('sent to abort_ip') },
      { id: 'outside.abort-inside', promise: 'abort_ip inside, preempted outside', expected: outside() },
      { id: 'outside.abort-in-kernel', promise: 'abort_ip an address of the kernel, outside', expected: outside() },
      { id: 'unchecked.alignment', promise: 'a descriptor may lie at an odd address', expected: 'aborted' },
      { id: 'unchecked.empty', promise: 'in a section of length 0 is nobody', expected: 'committed; rseq_cs cleared' },
      { id: 'unchecked.abort-before', promise: 'abort_ip may be below start_ip', expected: 'aborted' },
      { id: 'sigsegv.blocked', promise: 'SIGSEGV for a broken rule cannot be blocked', expected: fatal() },
      { id: 'sigsegv.ignored', promise: 'nor ignored', expected: fatal() },
    ],
  },
  {
    title: 'fields of the kernel',
    harm: 'programs that write these fields fare otherwise than on other kernels of this version.',
    rows: [
      { id: 'fields.write-no-switch', promise: 'what the program writes stays until a switch', expected: 'left' },
      { id: 'fields.write-cpu-id-start', promise: 'cpu_id_start written, then sleep, 32 bytes registered', expected: written() },
      { id: 'fields.write-cpu-id', promise: 'cpu_id', expected: written() },
      { id: 'fields.write-node-id', promise: 'node_id', expected: [[{ featureSize: 20 }, 'left'], ...written()] },
      { id: 'fields.write-mm-cid', promise: 'mm_cid', expected: [[{ featureSize: 20 }, 'left'], [{ evaluation: 'by-length', debug: true }, [SEGV, 'left']], ...written()] },
      { id: 'fields.write-migrated', promise: 'cpu_id_start written, then migrated', expected: [[{ kernelFields: 'enforced' }, `0; ${SEGV}`], [{}, '0; overwritten']] },
      { id: 'fields.write-long', promise: 'cpu_id_start written, then sleep, 64 bytes registered', expected: [...SHORT(), [{ evaluation: 'every-switch' }, '0; overwritten'], [{}, '0; left']] },
      { id: 'fields.write-long-preempted', promise: 'cpu_id_start written, then preempted, 64 bytes', expected: [...SHORT(), [{ kernelFields: 'enforced' }, `0; ${SEGV}`], [{ evaluation: 'every-switch' }, '0; overwritten'], [{ kernelFields: 'enforced-if-v2' }, ['0; left', `0; ${SEGV}`]], [{}, '0; left']] },
      { id: 'fields.write-long-migrated', promise: 'cpu_id_start written, then migrated, 64 bytes: V2 kills since 7.1', expected: [...SHORT(), [{ kernelFields: 'enforced' }, `0; ${SEGV}`], [{ kernelFields: 'enforced-if-v2' }, `0; ${SEGV}`], [{}, '0; overwritten']] },
      { id: 'fields.write-rest', promise: 'what lies behind the fields is the program\'s', expected: [[{ lengthRule: 'exactly-32' }, 'EINVAL; 0 bytes changed'], [{}, '0; 0 bytes changed']] },
    ],
  },
];

function SHORT(): readonly Case[] {
  return [[{ lengthRule: 'exactly-32' }, 'EINVAL; left']];
}

/** With 32 bytes, asleep: nothing has changed, so 6.19 and 7.0 write nothing. */
function written(): readonly Case[] {
  return [
    [{ evaluation: 'interrupted-only' }, 'left'],
    [{ kernelFields: 'enforced' }, SEGV],
    [{}, 'overwritten'],
  ];
}

function fatal(): readonly Case[] {
  const text = 'handler never runs; process killed by SIGSEGV';
  return [
    [{ checksVersion: true }, text],
    [{}, 'handler never runs; process exits with 0'],
  ];
}
