/**
 * What breaks the rules of rseq while a program runs. The kernel answers each with SIGSEGV and no word; this table has the words. Verdicts by
 * version are in KERNEL_ROWS.
 */
import type { RuleName } from './kernel-rows.js';

export interface Violation {
  readonly id: string;
  /** The rule, as a sentence about what must hold. */
  readonly rule: string;
  /** Rows of KERNEL_ROWS that say which kernels look; none: all do, in every version. */
  readonly rows: readonly RuleName[];
  readonly mend: string;
  /** When the kernel looks, where it is not on the way back to user space. */
  readonly when?: string;
  /** Not about the section that is armed. */
  readonly elsewhere?: true;
  /** The rule of `rseqlab check` that finds it without running. */
  readonly check?: string;
  readonly source: string;
}

const GET_CS = 'kernel/rseq.c rseq_get_rseq_cs';
const row = <const I extends string>(id: I, rest: Omit<Violation, 'id'>): Violation & { readonly id: I } => ({
  id,
  ...rest,
});

export const VIOLATIONS = [
  row('area-unwritable', {
    rule: 'struct rseq stays mapped and writable as long as the thread is registered',
    rows: [],
    elsewhere: true,
    mend: 'Unregister with rseq(2) before the memory of struct rseq is unmapped, protected or freed, or keep it in static TLS.',
    source: 'kernel/rseq.c __rseq_handle_notify_resume',
  }),
  row('descriptor-outside', {
    rule: 'rseq_cs is NULL or the address of a descriptor in user space',
    rows: [],
    mend: 'Store nothing but the address of a struct rseq_cs, or 0, to rseq_cs.',
    source: GET_CS,
  }),
  row('descriptor-unreadable', {
    rule: 'the descriptor that rseq_cs points at can be read, also when the thread is far from its section',
    rows: [],
    mend: 'Store 0 to rseq_cs in every thread before the memory of the descriptor goes (munmap, dlclose, return from the function of one on the stack).',
    check: 'rseq-cs-dangling',
    source: GET_CS,
  }),
  row('range', {
    rule: 'start_ip and start_ip + post_commit_offset are below the end of user space',
    rows: ['checksRange', 'checksOutside'],
    mend: 'Write start_ip and post_commit_offset of the descriptor as the first address of the section and its length in bytes.',
    check: 'descriptor-range',
    source: GET_CS,
  }),
  row('abort-ip-range', {
    rule: 'abort_ip is below the end of user space',
    rows: ['checksAbortIpRange', 'checksOutside'],
    mend: 'Write the address of the abort handler to abort_ip of the descriptor.',
    check: 'descriptor-range',
    source: GET_CS,
  }),
  row('version', {
    rule: 'rseq_cs.version is 0',
    rows: ['checksVersion', 'checksOutside'],
    mend: 'Set the version of the descriptor to 0: no other is defined.',
    check: 'descriptor-version',
    source: GET_CS,
  }),
  row('wrap', {
    rule: 'start_ip + post_commit_offset does not wrap around',
    rows: ['checksWrap', 'checksOutside'],
    mend: 'post_commit_offset is the length of the section in bytes, not its end and not a negative number.',
    check: 'descriptor-range',
    source: GET_CS,
  }),
  row('abort-inside', {
    rule: 'abort_ip lies outside of the section',
    rows: ['checksAbortInside', 'checksOutside'],
    mend: 'Move the abort handler behind the end of the section, best into a section of its own (__rseq_failure).',
    check: 'abort-inside-section',
    source: GET_CS,
  }),
  row('signature', {
    rule: 'the 4 bytes in front of abort_ip are the signature that rseq was registered with',
    rows: ['checksSignature', 'checksOutside'],
    mend: 'Put `.long RSEQ_SIG` directly in front of the label of the abort handler, with the value given to rseq(2) (0x53053053 on x86-64).',
    check: 'abort-signature',
    source: GET_CS,
  }),
  row('flags', {
    rule: 'the flags of the descriptor and of struct rseq are 0: NO_RESTART is no longer supported',
    rows: ['noRestartFlags', 'unknownFlags'],
    mend: 'Set the flags to 0, and let the section restart.',
    check: 'descriptor-flags',
    source: 'kernel/rseq.c rseq_need_restart',
  }),
  row('syscall-in-section', {
    rule: 'no system call returns into a section',
    rows: ['syscallInSection'],
    when: 'when the system call was over',
    mend: 'Make the system call before the section or after it, or make it the last instruction of the section.',
    check: 'syscall-in-section',
    source: 'kernel/rseq.c rseq_syscall',
  }),
  row('kernel-field', {
    rule: 'user space leaves cpu_id_start, cpu_id, node_id and mm_cid as the kernel wrote them',
    rows: ['kernelFields'],
    elsewhere: true,
    mend: 'Keep what the program wants to note elsewhere: those fields belong to the kernel.',
    check: 'writes-kernel-field',
    source: 'include/linux/rseq_entry.h rseq_set_ids_get_csaddr',
  }),
  row('slice-flags', {
    rule: 'user space leaves the bits of the time slice extension as the kernel wrote them',
    rows: ['sliceExtension'],
    when: 'in prctl(2), or when a system call began',
    elsewhere: true,
    mend: 'Write slice_ctrl.request only; granted and the flags belong to the kernel.',
    source: 'kernel/rseq.c rseq_syscall_enter_work',
  }),
  row('fixup-in-syscall', {
    rule: 'a thread that needs an abort came into the kernel by an interrupt, not by a system call',
    rows: ['syscallInSection'],
    mend: 'Make no system call inside a section.',
    check: 'syscall-in-section',
    source: 'include/linux/rseq_entry.h rseq_debug_update_user_cs',
  }),
] as const;

export type ViolationId = (typeof VIOLATIONS)[number]['id'];

export const violationById = (id: ViolationId): Violation => VIOLATIONS.find((each) => each.id === id)!;
