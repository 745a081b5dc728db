import type { Situation } from './rseq-told.js';

/** A rule of the kernel, as the simulated one keeps it: what happens in each column, from `told` of rseq-told.ts. */
export interface RuleRow {
  readonly rule: string;
  readonly source: string;
  readonly rows: readonly (Situation & { readonly is: string })[];
}

const at = (label: string, what: string): string => `until @${label} 1000\n${what}`;
const INSIDE = at('plain_mid', 'preempt');
const ELSEWHERE = at('elsewhere', 'preempt');
const WORKING = at('working', 'preempt');
const CLASSIC =
  'kernel/rseq.c rseq_get_rseq_cs, rseq_ip_fixup, rseq_need_restart (0190e4198e47, 1260ed777985)';
const MODERN =
  'include/linux/rseq_entry.h rseq_update_user_cs, rseq_debug_update_user_cs (05b44aef709c, c17ee635fd3a)';

/** Fatal up to 6.18, and with debug. */
const fatal = (rule: string, without: string): string =>
  `4.18 !${rule} SIGSEGV; 6.19 ${without} | debug 4.18 !${rule} SIGSEGV`;

export const RULE_ROWS: readonly RuleRow[] = [
  {
    rule: 'what interrupts a section',
    source: `${CLASSIC}; ${MODERN}; include/linux/rseq.h rseq_preempt, rseq_migrate, rseq_signal_deliver`,
    rows: [
      { name: 'plain', is: '4.18 committed armed | debug 4.18 committed armed; 6.19 committed clear' },
      {
        name: 'plain',
        script: at('plain_mid', 'tick'),
        is: '4.18 committed armed | debug 4.18 committed armed; 6.19 committed clear',
      },
      { name: 'plain', script: INSIDE, is: '4.18 aborted clear <preempt>' },
      { name: 'plain', length: 64, script: INSIDE, is: '6.3 aborted clear <preempt>' },
      {
        name: 'plain',
        script: at('plain_start', 'preempt'),
        is: '4.18 aborted clear <preempt>',
      },
      {
        name: 'plain',
        script: at('plain_end', 'preempt'),
        is: '4.18 committed clear',
      },
      {
        name: 'plain',
        script: at('plain_mid', 'migrate 1000 1'),
        is: '4.18 aborted clear <migrate+preempt>',
      },
      {
        name: 'plain',
        how: 'handled',
        script: at('plain_mid', 'signal 1000 SIGUSR1'),
        is: '4.18 handler-at-abort aborted clear <signal>',
      },
      {
        name: 'plain',
        how: 'handled',
        script: at('plain_mid', 'signal 1000 SIGUSR1\nmigrate 1000 1'),
        is: '4.18 handler-at-abort aborted clear <migrate+preempt+signal>',
      },
    ],
  },
  {
    rule: 'a descriptor that is wrong, while the thread is inside',
    source: `${CLASSIC}; ${MODERN}`,
    rows: [
      { name: 'plain', how: 'version', script: INSIDE, is: fatal('version', 'aborted clear <preempt>') },
      { name: 'plain', how: 'signature', script: INSIDE, is: '4.18 !signature SIGSEGV' },
      // 6.19 looks for the signature only, and there is none in front of that address.
      { name: 'plain', how: 'abort-inside', script: INSIDE, is: fatal('abort-inside', '!signature SIGSEGV') },
      { name: 'plain', how: 'wrap', script: INSIDE, is: fatal('wrap', 'aborted clear <preempt>') },
      { name: 'plain', how: 'end-outside', script: INSIDE, is: fatal('range', 'aborted clear <preempt>') },
      { name: 'plain', how: 'start-outside', script: INSIDE, is: fatal('range', 'committed clear') },
      { name: 'plain', how: 'abort-outside', script: INSIDE, is: '4.18 !abort-ip-range SIGSEGV' },
      {
        name: 'plain',
        how: 'abort-low',
        script: INSIDE,
        is: '4.18 !signature SIGSEGV; 6.19 !abort-ip-range SIGSEGV',
      },
    ],
  },
  {
    rule: 'flags: honoured before 6.0, then fatal, since 6.19 not looked at',
    source: `kernel/rseq.c rseq_need_restart before 0190e4198e47; ${CLASSIC}; ${MODERN}`,
    rows: [
      {
        name: 'plain',
        how: 'flag-preempt',
        script: INSIDE,
        is: '4.18 committed armed; 6.0 !flags SIGSEGV; 6.19 aborted clear <preempt> | debug 4.18 committed armed; 6.0 !flags SIGSEGV',
      },
      {
        name: 'plain',
        how: 'flag-migrate',
        script: INSIDE,
        is: '4.18 aborted clear <preempt>; 6.0 !flags SIGSEGV; 6.19 aborted clear <preempt> | debug 4.18 aborted clear <preempt>; 6.0 !flags SIGSEGV',
      },
      // A migration is a preemption as well: both flags are needed against it.
      {
        name: 'plain',
        how: 'flag-preempt',
        script: at('plain_mid', 'migrate 1000 1'),
        is: '4.18 aborted clear <migrate+preempt>; 6.0 !flags SIGSEGV; 6.19 aborted clear <migrate+preempt> | debug 4.18 aborted clear <migrate+preempt>; 6.0 !flags SIGSEGV',
      },
      // NO_RESTART_ON_SIGNAL alone never was allowed.
      {
        name: 'plain',
        how: 'flag-signal',
        script: INSIDE,
        is: fatal('flags', 'aborted clear <preempt>'),
      },
      {
        name: 'plain',
        how: 'flags-all',
        script: at('plain_mid', 'migrate 1000 1'),
        is: '4.18 committed armed; 6.0 !flags SIGSEGV; 6.19 aborted clear <migrate+preempt> | debug 4.18 committed armed; 6.0 !flags SIGSEGV',
      },
      {
        name: 'plain',
        how: 'flag-unknown',
        script: INSIDE,
        is: '4.18 aborted clear <preempt>; 6.0 !flags SIGSEGV; 6.19 aborted clear <preempt> | debug 4.18 aborted clear <preempt>; 6.0 !flags SIGSEGV',
      },
      // Debug of 6.19 looks at the descriptor's flags only.
      {
        name: 'plain',
        how: 'area-flags',
        script: INSIDE,
        is: '4.18 committed armed; 6.0 !flags SIGSEGV; 6.19 aborted clear <preempt>',
      },
    ],
  },
  {
    rule: 'a thread far from its section',
    source: `${CLASSIC}; ${MODERN}`,
    rows: [
      { name: 'elsewhere', script: ELSEWHERE, is: '4.18 clear' },
      {
        name: 'elsewhere',
        how: 'version',
        script: ELSEWHERE,
        is: '4.18 !version SIGSEGV; 6.19 clear',
      },
      { name: 'elsewhere', how: 'flags-all', script: ELSEWHERE, is: '4.18 clear' },
      {
        name: 'elsewhere',
        how: 'signature',
        script: ELSEWHERE,
        is: '4.18 !signature SIGSEGV; 6.19 clear',
      },
      {
        name: 'elsewhere',
        how: 'abort-inside',
        script: ELSEWHERE,
        is: '4.18 !abort-inside SIGSEGV; 6.19 clear',
      },
      { name: 'elsewhere', how: 'start-outside', script: ELSEWHERE, is: fatal('range', 'clear') },
      // A section that ends before it begins is everywhere behind its beginning.
      { name: 'elsewhere', how: 'wrap', script: ELSEWHERE, is: fatal('wrap', 'clear <preempt>') },
      {
        name: 'elsewhere',
        how: 'abort-outside',
        script: ELSEWHERE,
        is: '4.18 !abort-ip-range SIGSEGV; 6.19 clear',
      },
      { name: 'elsewhere', how: 'low', script: ELSEWHERE, is: '4.18 !descriptor-unreadable SIGSEGV' },
      { name: 'elsewhere', how: 'kernel', script: ELSEWHERE, is: '4.18 !descriptor-outside SIGSEGV' },
      {
        name: 'elsewhere',
        how: 'unmapped',
        script: ELSEWHERE,
        is: '4.18 !descriptor-unreadable SIGSEGV',
      },
      // Nothing looks at it as long as nothing interrupts; debug looks after each system call.
      {
        name: 'elsewhere',
        how: 'unmapped',
        is: '4.18 armed | debug 4.18 armed !descriptor-unreadable SIGSEGV',
      },
    ],
  },
  {
    rule: 'struct rseq itself is gone',
    source: 'kernel/rseq.c __rseq_handle_notify_resume; include/linux/rseq_entry.h rseq_exit_user_update',
    rows: [
      { name: 'unmapped-area', script: ELSEWHERE, is: '4.18 !area-unwritable SIGSEGV' },
      { name: 'unmapped-area', is: '4.18  | debug 4.18 !area-unwritable SIGSEGV' },
      // 6.19 writes only what changes; 7.0 always clears slice_ctrl, 7.1 writes all for length 32.
      {
        name: 'read-only-area',
        script: ELSEWHERE,
        is: '4.18 !area-unwritable SIGSEGV; 6.19 ; 7.0 !area-unwritable SIGSEGV | debug 4.18 !area-unwritable SIGSEGV',
      },
    ],
  },
  {
    rule: 'system calls in a section, and as its last instruction',
    source:
      'kernel/rseq.c rseq_syscall, __rseq_debug_syscall_return; rseq_entry.h rseq_update_usr (user_irq)',
    rows: [
      { name: 'middle', is: '4.18 committed | debug 4.18 !syscall-in-section SIGSEGV' },
      { name: 'last', is: '4.18 committed' },
      { name: 'last', how: 'sleep', is: '4.18 committed' },
      {
        name: 'middle',
        how: 'sleep',
        is: '4.18 aborted <preempt>; 6.19 committed | debug 4.18 !syscall-in-section SIGSEGV',
      },
      {
        name: 'middle',
        how: 'sleep',
        length: 64,
        is: '6.3 aborted <preempt>; 6.19 committed | debug 6.3 !syscall-in-section SIGSEGV',
      },
    ],
  },
  {
    rule: 'a last system call that waits, and is interrupted',
    source:
      'include/linux/rseq.h rseq_signal_deliver (user_irq since 6.19, any entry for length 32 since 7.1); rseq_entry.h rseq_update_usr',
    rows: [
      {
        name: 'blocked',
        how: 'none',
        is: '4.18 committed clear; 6.19 committed armed | debug 4.18 committed clear',
      },
      {
        name: 'blocked',
        how: 'restarts',
        is: '4.18 handler-at-abort aborted clear <preempt+signal>; 6.19 handler committed armed; 7.1 handler-at-abort aborted clear <preempt+signal> | debug 4.18 handler-at-abort aborted clear <preempt+signal>; 6.19 handler committed clear',
      },
      {
        name: 'blocked',
        how: 'restarts',
        length: 64,
        is: '6.3 handler-at-abort aborted clear <preempt+signal>; 6.19 handler committed armed | debug 6.3 handler-at-abort aborted clear <preempt+signal>; 6.19 handler committed clear',
      },
      {
        name: 'blocked',
        how: 'fails',
        is: '4.18 handler committed clear; 6.19 handler committed armed; 7.1 handler committed clear | debug 4.18 handler committed clear',
      },
    ],
  },
  {
    rule: 'fork: the child inherits the registration, and counts as migrated',
    source: 'include/linux/rseq.h rseq_fork; kernel/sched/core.c wake_up_new_task (rseq_migrate)',
    rows: [
      {
        name: 'fork',
        how: 'inside',
        cpus: 1,
        is: '4.18 committed aborted <migrate>; 6.19 committed committed | debug 4.18 !syscall-in-section !syscall-in-section SIGSEGV',
      },
      { name: 'fork', how: 'last', cpus: 1, is: '4.18 committed committed' },
    ],
  },
  {
    rule: 'a program that catches SIGSEGV',
    source:
      'kernel/rseq.c force_sigsegv, __rseq_signal_deliver; test/conformance, sigsegv.handler-returns on 6.18',
    rows: [
      // The handler's own delivery finds it again: a second SIGSEGV, for which there is no handler any more, waits until the first returns.
      {
        name: 'plain',
        how: 'caught',
        script: INSIDE,
        // Up to 6.18 debug finds it a third time, when the handler's own system call returns.
        is: '4.18 handler !version !version SIGSEGV; 6.19 aborted clear <preempt> | debug 4.18 handler !version !version !version SIGSEGV; 6.19 handler !version !version SIGSEGV',
      },
      // Numbers are not looked at when a signal is delivered: who catches it lives on, with what he wrote.
      {
        name: 'write-field',
        how: 'caught',
        length: 64,
        script: at('elsewhere', 'migrate 1000 1'),
        is: '6.3 1 1 0 0; 7.1 handler 77 0 0 0 !kernel-field | debug 6.3 1 1 0 0; 6.19 handler 77 0 0 0 !kernel-field',
      },
    ],
  },
  {
    rule: 'numbers after registration, a migration, unregistration',
    source: 'kernel/rseq.c rseq_update_cpu_node_id, rseq_reset_rseq_cpu_node_id, rseq_reset_ids',
    rows: [
      {
        name: 'fields',
        script: at('elsewhere', 'migrate 1000 1'),
        is: '4.18 0 0 0 0 1 1 0 0 0 0 -1 0 0; 6.19 0 0 0 0 1 1 0 0 0 -1 -1 0 0; 7.1 0 0 0 0 1 1 0 0 0 0 -1 0 0',
      },
      {
        name: 'fields',
        length: 33,
        is: '6.3 0 0 0 0 0 0 0 0 0 0 -1 0 0; 6.19 0 0 0 0 0 0 0 0 0 -1 -1 0 0; 7.1 0 0 0 0 0 0 0 0 0 0 -1 0 0',
      },
      // rseq_cs left over from before: it kills until 6.15 clears it.
      { name: 'stale', is: '4.18 !descriptor-unreadable SIGSEGV; 6.15 ' },
    ],
  },
  {
    rule: 'the program writes to fields of the kernel',
    source:
      'include/linux/rseq_entry.h rseq_set_ids_get_csaddr; Documentation/userspace-api/rseq.rst, RSEQ modes',
    rows: [
      {
        name: 'write-field',
        how: 'cpu_id_start',
        script: ELSEWHERE,
        is: '4.18 0 0 0 0; 6.19 77 0 0 0; 7.1 0 0 0 0 | debug 4.18 0 0 0 0; 6.19 !kernel-field SIGSEGV',
      },
      {
        name: 'write-field',
        how: 'cpu_id_start',
        length: 64,
        script: ELSEWHERE,
        is: '6.3 0 0 0 0; 6.19 77 0 0 0 | debug 6.3 0 0 0 0; 6.19 !kernel-field SIGSEGV',
      },
      {
        name: 'write-field',
        how: 'cpu_id_start',
        length: 64,
        script: at('elsewhere', 'migrate 1000 1'),
        is: '6.3 1 1 0 0; 7.1 !kernel-field SIGSEGV | debug 6.3 1 1 0 0; 6.19 !kernel-field SIGSEGV',
      },
      {
        name: 'write-field',
        how: 'mm_cid',
        script: at('elsewhere', 'migrate 1000 1'),
        is: '4.18 1 1 0 77; 6.3 1 1 0 0 | debug 4.18 1 1 0 77; 6.3 1 1 0 0; 6.19 !kernel-field SIGSEGV',
      },
      { name: 'write-field', how: 'mm_cid', is: '4.18 0 0 0 77' },
    ],
  },
  {
    rule: 'membarrier(2)',
    source: 'kernel/sched/membarrier.c membarrier_private_expedited, ipi_rseq',
    rows: [
      // One thread: nothing to do. The RSEQ commands came with 5.10.
      {
        name: 'membarrier',
        how: 'alone',
        is: '4.18 -22 -22 committed; 6.0 -1 0 committed | debug 4.18 -22 -22 !syscall-in-section SIGSEGV; 6.0 -1 0 !syscall-in-section SIGSEGV',
      },
      {
        name: 'membarrier',
        how: 'self',
        is: '4.18 -22 -22 committed -22; 6.0 -1 0 committed 0 | debug 4.18 -22 -22 !syscall-in-section SIGSEGV; 6.0 -1 0 !syscall-in-section SIGSEGV',
      },
      // With the number of its own CPU the caller is not spared; since 6.19 it is, for it came by a system call.
      {
        name: 'membarrier',
        how: 'self-cpu',
        is: '4.18 -22 -22 committed -22; 6.0 -1 0 aborted 0 <membarrier>; 6.19 -1 0 committed 0 | debug 4.18 -22 -22 !syscall-in-section SIGSEGV; 6.0 -1 0 !syscall-in-section SIGSEGV',
      },
      {
        name: 'membarrier',
        how: 'other',
        script: 'run 1000 300\nrun 1001 20\nuntil @plain_mid 1000\nrun 1001 100\nrun 1000 100',
        is: '4.18 -22 -22 committed -22; 6.0 -1 0 0 aborted <membarrier>',
      },
      {
        name: 'membarrier',
        how: 'other',
        length: 64,
        script: 'run 1000 300\nrun 1001 20\nuntil @plain_mid 1000\nrun 1001 100\nrun 1000 100',
        is: '6.3 -1 0 0 aborted <membarrier>',
      },
    ],
  },
  {
    rule: 'time slice extension',
    source:
      'kernel/rseq.c rseq_slice_extension_prctl, rseq_syscall_enter_work, rseq_slice_expired; rseq_entry.h rseq_grant_slice_extension',
    rows: [
      {
        name: 'slice',
        how: 'errors',
        is: '4.18 -22 -22 -22 -22 -22 -22 -22 0 -22 -22 0 -38 0 -22; 7.0 0 -22 -22 -22 -22 0 1 48 0 0 16 0 0 -6; 7.1 0 -22 -22 -22 -22 -524 0 0 -524 -524 0 0 0 -6',
      },
      {
        name: 'slice',
        how: 'errors',
        length: 64,
        is: '6.3 -22 -22 -22 -22 -22 -22 -22 0 -22 -22 0 -38 0 -22; 7.0 0 -22 -22 -22 -22 0 1 48 0 0 16 0 0 -6',
      },
      {
        name: 'slice',
        how: 'errors',
        length: 0,
        is: '6.3 -22 -22 -22 -22 -22 -22 -22 0 -22 -22 0 -38; 7.0 0 -22 -22 -22 -22 -6 0 0 -6 -6 0 0',
      },
      // request, granted, what rseq_slice_yield says, granted
      {
        name: 'slice',
        how: 'granted',
        script: WORKING,
        is: '4.18 1 0 -38 0; 7.0 0 1 1 0 (granted) (yielded); 7.1 1 0 0 0',
      },
      {
        name: 'slice',
        how: 'granted',
        length: 64,
        script: WORKING,
        is: '6.3 1 0 -38 0; 7.0 0 1 1 0 (granted) (yielded)',
      },
      { name: 'slice', how: 'granted', length: 64, is: '6.3 1 0 -38 0; 7.0 1 0 0 0' },
      {
        name: 'slice',
        how: 'default-on',
        length: 64,
        script: WORKING,
        is: '6.3 -22 1 0 -38 0; 7.0 0 1 1 0 (granted) (yielded)',
      },
      // A second interrupt takes the CPU; another system call does; the timer does.
      {
        name: 'slice',
        how: 'granted',
        length: 64,
        script: `${WORKING}\nrun 1000 1\npreempt`,
        is: '6.3 1 0 -38 0; 7.0 0 0 0 0 (granted)',
      },
      {
        name: 'slice',
        how: 'revoked',
        length: 64,
        script: WORKING,
        is: '6.3 1 0 -38 0; 7.0 0 0 0 0 (granted) (revoked)',
      },
      {
        name: 'slice',
        how: 'expires',
        length: 64,
        script: WORKING,
        is: '6.3 1 0 -38 0; 7.0 0 0 0 0 (granted) (expired)',
      },
      { name: 'slice', how: 'flags', length: 64, is: '6.3 -22; 7.0 !slice-flags SIGSEGV' },
      {
        name: 'slice',
        how: 'control',
        length: 64,
        script: WORKING,
        is: '6.3 ; 7.0 (granted) (revoked) | debug 6.3 ; 7.0 (granted) !slice-flags (revoked) SIGSEGV',
      },
    ],
  },
];
