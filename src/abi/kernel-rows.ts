/**
 * What the kernel does with rseq, by version: data only, read through `kernelRules`. A row lists the versions at
 * which its value changes; it holds until the next one. `debug` is the value with checking switched on:
 * CONFIG_DEBUG_RSEQ up to 6.18, boot parameter rseq_debug= or debugfs rseq/debug since 6.19.
 */

/** Versions at which anything changes, ascending; 6.18 is listed because it is the one measured. */
export const KERNEL_COLUMNS = ['4.18', '6.0', '6.3', '6.15', '6.18', '6.19', '7.0', '7.1'] as const;
/** A column of the tables: the version at which it begins. */
export type KernelColumn = (typeof KERNEL_COLUMNS)[number];

/** Stable releases that took a later column's rules. */
export const BACKPORTS: readonly {
  readonly series: string;
  readonly from: string;
  readonly column: KernelColumn;
  readonly source: string;
}[] = [
  {
    series: '7.0',
    from: '7.0.10',
    column: '7.1',
    source: 'measured: 7.0.9 has not, 7.0.10 and 7.0.13 have its rules (Debian builds, x86-64)',
  },
];

/** What stable releases took over, or lacked, besides: the rule has this value from one release up to before another. */
export const PATCHES: readonly Patch[] = [
  {
    rule: 'unregisterCpuIdStart',
    from: '7.0.7',
    before: '7.0.10',
    value: 0,
    source: 'measured: 7.0.4 writes -1, 7.0.7 and 7.0.9 write 0 (Debian builds, x86-64)',
  },
  {
    rule: 'arm64Aborts',
    from: '7.0.10',
    before: '7.0.14',
    value: false,
    source:
      'measured: 7.0.13 aborts nothing (Debian build, arm64); MongoDB 8.0 release notes and SERVER-125742: 7.0.14 resolves it',
  },
];

export interface Patch<K extends RuleName = RuleName> {
  readonly rule: K;
  readonly from: string;
  readonly before: string;
  readonly value: RuleValues[K];
  readonly source: string;
}

/** Every rule of the kernel that versions differ in, with the values it can take; KERNEL_ROWS says each in words. */
export interface RuleValues {
  /** A section whose flags, or whose thread's flags, have a NO_RESTART bit, when it is interrupted inside. */
  noRestartFlags: 'honoured' | 'kill' | 'unchecked';
  /** The same for any other bit of rseq_cs.flags. */
  unknownFlags: 'ignored' | 'kill' | 'unchecked';
  checksVersion: boolean;
  checksAbortInside: boolean;
  checksWrap: boolean;
  checksRange: boolean;
  checksAbortIpRange: boolean;
  checksSignature: boolean;
  checksOutside: 'everything' | 'start-and-end' | 'nothing';
  syscallInSection: 'kill' | 'unnoticed';
  kernelFields: 'overwritten' | 'reported' | 'stale' | 'enforced' | 'enforced-if-v2';
  evaluation: 'every-switch' | 'interrupted-only' | 'by-length';
  featureSize: 20 | 28 | 33;
  requiredAlign: 32 | 64;
  lengthRule: 'exactly-32' | '32-or-feature-size';
  sliceExtension: boolean;
  printsSignature: boolean;
  registrationClearsRseqCs: boolean;
  unregisterCpuIdStart: 0 | -1;
  arm64Aborts: boolean;
}

export type RuleName = keyof RuleValues;
type Changes<V> = readonly (readonly [since: KernelColumn, value: V])[];

/** One rule through the versions. */
export interface RuleRow<V = RuleValues[RuleName]> {
  readonly text: string;
  readonly changes: Changes<V>;
  /** Values with checking on, from the version named; before it the same as without. */
  readonly debug?: Changes<V>;
  /** Where a value was seen on a running kernel; the others have the mark. */
  readonly measured: readonly KernelColumn[];
  readonly mark: 'derived' | 'documented';
  readonly source: string;
  readonly note?: string;
}

const OLD = 'kernel/rseq.c rseq_get_rseq_cs (1260ed777985)';
const NEW = 'include/linux/rseq_entry.h rseq_update_user_cs, rseq_debug_update_user_cs (c17ee635fd3a)';
const NOT_SINCE_619 = {
  changes: [
    ['4.18', true],
    ['6.19', false],
  ],
  debug: [['6.19', true]],
  measured: ['6.18'],
  mark: 'derived',
} as const;

/** The table that everything about versions is read from: verdicts, docs/abi.md. */
export const KERNEL_ROWS: { readonly [K in RuleName]: RuleRow<RuleValues[K]> } = {
  noRestartFlags: {
    text: 'a NO_RESTART flag in rseq_cs.flags or rseq.flags of a section that is interrupted inside',
    changes: [
      ['4.18', 'honoured'],
      ['6.0', 'kill'],
      ['6.19', 'unchecked'],
    ],
    debug: [['6.19', 'kill']],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source: `kernel/rseq.c rseq_need_restart (0190e4198e47); ${NEW}`,
    note: 'before 6.0 NO_RESTART_ON_SIGNAL without the two others kills as well; since 6.19 debug looks at rseq_cs.flags only',
  },
  unknownFlags: {
    text: 'any other bit set in those flags',
    changes: [
      ['4.18', 'ignored'],
      ['6.0', 'kill'],
      ['6.19', 'unchecked'],
    ],
    debug: [['6.19', 'kill']],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source: `kernel/rseq.c rseq_need_restart (c17a6ff93213); ${NEW}`,
  },
  checksVersion: { text: 'kills when rseq_cs.version is not 0', ...NOT_SINCE_619, source: `${OLD}; ${NEW}` },
  checksAbortInside: {
    text: 'kills when abort_ip lies inside the section',
    ...NOT_SINCE_619,
    source: `${OLD}; ${NEW}`,
  },
  checksWrap: {
    text: 'kills when start_ip + post_commit_offset wraps around',
    ...NOT_SINCE_619,
    source: `${OLD}; ${NEW}`,
  },
  checksRange: {
    text: 'kills when start_ip or the end of the section is not below TASK_SIZE',
    ...NOT_SINCE_619,
    measured: [],
    source: `${OLD}; ${NEW}`,
  },
  checksAbortIpRange: {
    text: 'kills when abort_ip is not below TASK_SIZE (since 6.19 also when it is below 4)',
    changes: [['4.18', true]],
    measured: ['6.18'],
    mark: 'derived',
    source: `${OLD}; ${NEW}`,
  },
  checksSignature: {
    text: 'kills when the word before abort_ip is not the registered signature',
    changes: [['4.18', true]],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source: `${OLD}; ${NEW}`,
  },
  checksOutside: {
    text: 'what of the above is checked when the thread is not inside the section, before rseq_cs is cleared',
    changes: [
      ['4.18', 'everything'],
      ['6.19', 'nothing'],
    ],
    debug: [['6.19', 'start-and-end']],
    measured: [],
    mark: 'derived',
    source: `kernel/rseq.c rseq_ip_fixup (1260ed777985); ${NEW}`,
    note: 'flags are looked at inside only, in every version; an unreadable descriptor kills always',
  },
  syscallInSection: {
    text: 'a system call that returns into the section',
    changes: [['4.18', 'unnoticed']],
    debug: [['4.18', 'kill']],
    measured: ['6.18'],
    mark: 'derived',
    source: 'kernel/rseq.c rseq_syscall; since 6.19 __rseq_debug_syscall_return',
    note: 'as the last instruction of the section it is allowed: the kernel looks at the address after it',
  },
  kernelFields: {
    text: 'user space writes cpu_id_start, cpu_id, node_id or mm_cid',
    changes: [
      ['4.18', 'overwritten'],
      ['6.19', 'stale'],
      ['7.1', 'enforced-if-v2'],
    ],
    debug: [
      ['6.15', 'reported'],
      ['6.19', 'enforced'],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'documented',
    source:
      'Documentation/userspace-api/rseq.rst, RSEQ modes; include/linux/rseq_entry.h rseq_set_ids_get_csaddr (82f572449cfe); kernel/rseq.c rseq_validate_ro_fields (debug, up to 6.18)',
    note: 'overwritten at the next switch; stale until the thread gets another CPU or mm_cid; enforced kills at that moment; reported prints "Detected rseq corruption"',
  },
  evaluation: {
    text: 'when rseq_cs is looked at, besides signal delivery and membarrier',
    changes: [
      ['4.18', 'every-switch'],
      ['6.19', 'interrupted-only'],
      ['7.1', 'by-length'],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'documented',
    source:
      'Documentation/userspace-api/rseq.rst, RSEQ modes; include/linux/rseq.h rseq_sched_switch_event (99428157dcf3)',
    note: 'interrupted-only: not when a thread was switched out in a system call. by-length: every-switch for length 32, as documented; rseq_update_usr skips it there too when the entry was a system call',
  },
  featureSize: {
    text: 'active bytes of struct rseq (AT_RSEQ_FEATURE_SIZE since 6.3)',
    changes: [
      ['4.18', 20],
      ['6.3', 28],
      ['7.0', 33],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'documented',
    source: 'include/uapi/linux/rseq.h; checkpoint-restore/criu pull request 3007',
  },
  requiredAlign: {
    text: 'alignment of the area when its length is not 32 (AT_RSEQ_ALIGN since 6.3)',
    changes: [
      ['4.18', 32],
      ['7.0', 64],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source: 'kernel/rseq.c SYSCALL_DEFINE4(rseq); include/linux/rseq.h rseq_alloc_align',
  },
  lengthRule: {
    text: 'lengths that rseq(2) accepts',
    changes: [
      ['4.18', 'exactly-32'],
      ['6.3', '32-or-feature-size'],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source: 'kernel/rseq.c SYSCALL_DEFINE4(rseq) (0190e4198e47, ee3e3ac05c26)',
    note: '32-or-feature-size: 32, or more if not below the feature size',
  },
  sliceExtension: {
    text: 'time slice extension can be had (CONFIG_RSEQ_SLICE_EXTENSION; since 7.1 only with a length above 32)',
    changes: [
      ['4.18', false],
      ['7.0', true],
    ],
    measured: ['6.18'],
    mark: 'documented',
    source: 'Documentation/userspace-api/rseq.rst; kernel/rseq.c rseq_slice_extension_prctl',
  },
  printsSignature: {
    text: 'prints "Possible attack attempt. Unexpected rseq signature" to the kernel log',
    changes: [
      ['4.18', true],
      ['6.19', false],
    ],
    measured: [],
    mark: 'derived',
    source: `${OLD}; ${NEW}`,
  },
  registrationClearsRseqCs: {
    text: 'registration clears an rseq_cs that is not NULL (before: SIGSEGV at once if it points nowhere)',
    changes: [
      ['4.18', false],
      ['6.15', true],
    ],
    measured: ['6.18'],
    mark: 'derived',
    source:
      'kernel/rseq.c SYSCALL_DEFINE4(rseq) (fd881d0a085f, also in stable series); since 6.19 rseq_register',
  },
  unregisterCpuIdStart: {
    text: 'cpu_id_start after unregistration (cpu_id is -1 in every version)',
    changes: [
      ['4.18', 0],
      ['6.19', -1],
      ['7.1', 0],
    ],
    measured: ['6.0', '6.18', '6.19', '7.0', '7.1'],
    mark: 'derived',
    source:
      'kernel/rseq.c rseq_reset_rseq_cpu_id, rseq_reset_ids; "rseq: Set rseq::cpu_id_start to 0 on unregistration"',
  },
  arm64Aborts: {
    text: 'interrupted sections are aborted on arm64',
    changes: [
      ['4.18', true],
      ['6.19', false],
      ['7.1', true],
    ],
    measured: ['6.19', '7.0', '7.1'],
    mark: 'documented',
    source: '411c1cf43039 (rseq_note_user_irq_entry was not called on arm64)',
  },
};
