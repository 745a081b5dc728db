/**
 * Every way rseq(2) can refuse, in the order in which the kernel checks: the first row that applies decides. EINVAL
 * has several causes and the kernel does not tell which; this table does.
 */
import { compareVersions, type KernelRules, kernelRules } from './kernel-rules.js';
import { RSEQ_FLAG_SLICE_EXT_DEFAULT_ON, RSEQ_FLAG_UNREGISTER, RSEQ_ORIG_SIZE } from './rseq.js';
import { TASK_SIZE } from './task-size.js';

/** What rseq(2) fails with. */
export type RseqErrno = 'EINVAL' | 'EPERM' | 'EBUSY' | 'EFAULT';

/** Arguments of rseq(2). */
export interface RegistrationRequest {
  readonly address: bigint;
  /** rseq_len, an unsigned 32-bit number of bytes. */
  readonly length: number;
  readonly flags: number;
  readonly signature: number;
}

/** What the kernel compares the arguments with. */
export interface RegistrationContext {
  /** Kernel version, e.g. `6.18.44`. */
  readonly version: string;
  /** What the thread has registered already. */
  readonly registered?: { readonly address: bigint; readonly length: number; readonly signature: number };
  /** First address that is not user space; default x86-64 without LA57. */
  readonly taskSize?: bigint;
  /** Memory at the address can be read; default true. */
  readonly readable?: boolean;
  /** Memory at the address can be written; default true. */
  readonly writable?: boolean;
  /** The rseq_cs field in that memory is not NULL; default false. */
  readonly staleRseqCs?: boolean;
}

/** One reason for an answer of rseq(2). */
export interface RegistrationRow {
  readonly id: string;
  readonly operation: 'register' | 'unregister';
  readonly condition: string;
  /** `ok` where the call returns 0 and the harm comes after it. */
  readonly errno: RseqErrno | 'ok';
  /** What to do instead. */
  readonly mend: string;
  /** What happens besides the return value. */
  readonly consequence?: string;
  readonly since: string;
  /** First kernel in which the row no longer holds. */
  readonly until?: string;
  readonly mark: 'measured' | 'derived' | 'documented';
  readonly source: string;
}

interface Case {
  readonly request: RegistrationRequest;
  readonly context: RegistrationContext;
  readonly rules: KernelRules;
  readonly registered: NonNullable<RegistrationContext['registered']> | undefined;
}

interface RowWithTest extends RegistrationRow {
  readonly applies: (it: Case) => boolean;
}

const REGISTER = 'kernel/rseq.c SYSCALL_DEFINE4(rseq)';
const since7 = '; since 6.19 in rseq_register, rseq_reregister, rseq_length_valid';
const UNREGISTER = 'kernel/rseq.c SYSCALL_DEFINE4(rseq); since 6.19 rseq_unregister';

const aligned = (address: bigint, bytes: number): boolean => address % BigInt(bytes) === 0n;
const sameLength = ({ request, registered }: Case): boolean => request.length === registered?.length;
const readable = ({ request, context }: Case): boolean =>
  (context.readable ?? true) && request.address !== 0n;
const writable = (it: Case): boolean => readable(it) && (it.context.writable ?? true);
const outside = ({ request, context }: Case): boolean =>
  request.address + BigInt(request.length) > (context.taskSize ?? TASK_SIZE['x86-64'].usual);

const ROWS: readonly RowWithTest[] = [
  {
    id: 'register-flags',
    mend: 'Pass 0 as flags to register, and 1 (RSEQ_FLAG_UNREGISTER) to unregister.',
    operation: 'register',
    condition:
      'flags has a bit the kernel does not know (up to 6.19 any, since 7.0 all but SLICE_EXT_DEFAULT_ON)',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: `${REGISTER}, RSEQ_FLAGS_SUPPORTED`,
    applies: ({ request, rules }) =>
      (request.flags & ~(rules.sliceExtension ? RSEQ_FLAG_SLICE_EXT_DEFAULT_ON : 0)) !== 0,
  },
  {
    id: 'register-other-address',
    mend: "A thread has one registration: use the one that is there (glibc 2.35 and newer: thread pointer + __rseq_offset), or switch glibc's off with GLIBC_TUNABLES=glibc.pthread.rseq=0.",
    operation: 'register',
    condition: 'the thread has registered another address (often the C library was first)',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: REGISTER + since7,
    applies: ({ request, registered }) => registered !== undefined && registered.address !== request.address,
  },
  {
    id: 'register-other-length',
    mend: 'The area is registered already: use it as it is, or unregister it first with the length that it was registered with.',
    operation: 'register',
    condition: 'the thread has registered this address with another length',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: REGISTER + since7,
    applies: (it) => it.registered !== undefined && !sameLength(it),
  },
  {
    id: 'register-other-signature',
    mend: 'The area is registered already: use its signature (0x53053053 on x86-64) in front of the abort handlers, or unregister it first.',
    operation: 'register',
    condition: 'the thread has registered this address and length with another signature',
    errno: 'EPERM',
    since: '4.18',
    mark: 'measured',
    source: REGISTER + since7,
    applies: ({ request, registered }) =>
      registered !== undefined && registered.signature >>> 0 !== request.signature >>> 0,
  },
  {
    id: 'register-again',
    mend: 'There is nothing to do: this is what the thread has registered.',
    operation: 'register',
    condition: 'the thread has registered exactly this',
    errno: 'EBUSY',
    since: '4.18',
    mark: 'measured',
    source: REGISTER + since7,
    applies: ({ registered }) => registered !== undefined,
  },
  {
    id: 'register-length-not-32',
    mend: 'Pass 32 as length: kernels before 6.3 take no other.',
    operation: 'register',
    condition: 'length is not 32',
    errno: 'EINVAL',
    since: '4.18',
    until: '6.3',
    mark: 'derived',
    source: `${REGISTER} (0190e4198e47)`,
    applies: ({ request }) => request.length !== RSEQ_ORIG_SIZE,
  },
  {
    id: 'register-length-short',
    mend: 'Pass 32, or at least getauxval(AT_RSEQ_FEATURE_SIZE) where that is more: the size of the fields in use (20, 28) is not the length.',
    operation: 'register',
    condition: 'length is below 32',
    errno: 'EINVAL',
    since: '6.3',
    mark: 'measured',
    source: `${REGISTER} (ee3e3ac05c26)${since7}`,
    applies: ({ request }) => request.length < RSEQ_ORIG_SIZE,
  },
  {
    id: 'register-unaligned-32',
    mend: 'Align struct rseq to 32 bytes, as its declaration in linux/rseq.h does.',
    operation: 'register',
    condition: 'length is 32 and the address is no multiple of 32',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: REGISTER + since7,
    applies: ({ request }) => request.length === RSEQ_ORIG_SIZE && !aligned(request.address, RSEQ_ORIG_SIZE),
  },
  {
    id: 'register-unaligned',
    mend: 'Align struct rseq to getauxval(AT_RSEQ_ALIGN) bytes: that is 64 since 7.0.',
    operation: 'register',
    condition: 'length is above 32 and the address is no multiple of AT_RSEQ_ALIGN (32; 64 since 7.0)',
    errno: 'EINVAL',
    since: '6.3',
    mark: 'measured',
    source: `${REGISTER} (ee3e3ac05c26)${since7}; include/linux/rseq.h rseq_alloc_align`,
    applies: ({ request, rules }) =>
      request.length !== RSEQ_ORIG_SIZE && !aligned(request.address, rules.requiredAlign),
  },
  {
    id: 'register-length-below-features',
    mend: 'Pass at least getauxval(AT_RSEQ_FEATURE_SIZE) as length, or exactly 32.',
    operation: 'register',
    condition: 'length is above 32 and below AT_RSEQ_FEATURE_SIZE (cannot happen while that is 33 or less)',
    errno: 'EINVAL',
    since: '6.3',
    mark: 'derived',
    source: `${REGISTER} (ee3e3ac05c26)${since7}`,
    applies: ({ request, rules }) => request.length !== RSEQ_ORIG_SIZE && request.length < rules.featureSize,
  },
  {
    id: 'register-outside',
    mend: 'Pass the address of a struct rseq in the memory of the program.',
    operation: 'register',
    condition: 'address + length is above TASK_SIZE',
    errno: 'EFAULT',
    since: '4.18',
    mark: 'measured',
    source: `${REGISTER}, access_ok`,
    applies: outside,
  },
  {
    id: 'register-null-ignored',
    mend: 'Pass the address of a struct rseq: NULL registers nothing.',
    operation: 'register',
    condition: 'address is NULL',
    errno: 'ok',
    consequence: 'returns 0 and registers nothing',
    since: '4.18',
    until: '6.15',
    mark: 'derived',
    source: `${REGISTER} (0190e4198e47): NULL passes access_ok and is stored as "none"`,
    applies: ({ request }) => request.address === 0n,
  },
  {
    id: 'register-unmapped-kills',
    mend: 'Give the area memory that can be written for as long as the thread lives, and set rseq_cs to 0 before it is registered.',
    operation: 'register',
    condition: 'the memory cannot be written, or rseq_cs in it points nowhere',
    errno: 'ok',
    consequence:
      'SIGSEGV on the return to user space, when the kernel reads rseq_cs and writes the CPU number',
    since: '4.18',
    until: '6.15',
    mark: 'derived',
    source: `${REGISTER} (0190e4198e47), __rseq_handle_notify_resume`,
    applies: (it) => !writable(it) || (it.context.staleRseqCs ?? false),
  },
  {
    id: 'register-unreadable',
    mend: 'Pass the address of a struct rseq in memory that is mapped; a weak __rseq_offset that the linker has made NULL leads here too.',
    operation: 'register',
    condition: 'rseq_cs cannot be read: NULL, or not mapped',
    errno: 'EFAULT',
    since: '6.15',
    mark: 'measured',
    source: `${REGISTER} (fd881d0a085f), rseq_get_rseq_cs_ptr_val; since 6.19 rseq_register`,
    applies: (it) => !readable(it),
  },
  {
    id: 'register-read-only-stale',
    mend: 'Keep struct rseq in memory that can be written: the kernel writes to it.',
    operation: 'register',
    condition: 'the memory is read-only and rseq_cs in it is not NULL, so that it cannot be cleared',
    errno: 'EFAULT',
    since: '6.15',
    until: '6.19',
    mark: 'measured',
    source: `${REGISTER} (fd881d0a085f), clear_rseq_cs`,
    applies: (it) => !writable(it) && (it.context.staleRseqCs ?? false),
  },
  {
    id: 'register-read-only-kills',
    mend: 'Keep struct rseq in memory that can be written: the kernel writes to it.',
    operation: 'register',
    condition: 'the memory is read-only and rseq_cs in it is NULL',
    errno: 'ok',
    consequence: 'SIGSEGV on the return to user space, when the kernel writes the CPU number',
    since: '6.15',
    until: '6.19',
    mark: 'measured',
    source: `${REGISTER}, rseq_update_cpu_node_id`,
    applies: (it) => !writable(it),
  },
  {
    id: 'register-read-only',
    mend: 'Keep struct rseq in memory that can be written: the kernel writes to it.',
    operation: 'register',
    condition: 'the memory cannot be written',
    errno: 'EFAULT',
    since: '6.19',
    mark: 'derived',
    source: 'kernel/rseq.c rseq_register',
    applies: (it) => !writable(it),
  },
  {
    id: 'unregister-flags',
    mend: 'Pass exactly 1 (RSEQ_FLAG_UNREGISTER) as flags.',
    operation: 'unregister',
    condition: 'flags has another bit besides UNREGISTER',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: UNREGISTER,
    applies: ({ request }) => (request.flags & ~RSEQ_FLAG_UNREGISTER) !== 0,
  },
  {
    id: 'unregister-none',
    mend: 'Each thread registers and unregisters for itself: leave this call out in a thread that has registered nothing.',
    operation: 'unregister',
    condition: 'the thread has registered nothing',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: UNREGISTER,
    applies: ({ registered }) => registered === undefined,
  },
  {
    id: 'unregister-other-address',
    mend: 'Pass the address that this thread has registered, not that of another thread or library.',
    operation: 'unregister',
    condition: 'the thread has registered another address',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: UNREGISTER,
    applies: ({ request, registered }) => registered?.address !== request.address,
  },
  {
    id: 'unregister-other-length',
    mend: 'Pass the length that was given at registration: glibc gives max(32, __rseq_size), not __rseq_size.',
    operation: 'unregister',
    condition: 'it was registered with another length',
    errno: 'EINVAL',
    since: '4.18',
    mark: 'measured',
    source: UNREGISTER,
    applies: (it) => !sameLength(it),
  },
  {
    id: 'unregister-other-signature',
    mend: 'Pass the signature that was given at registration (RSEQ_SIG, 0x53053053 on x86-64).',
    operation: 'unregister',
    condition: 'it was registered with another signature',
    errno: 'EPERM',
    since: '4.18',
    mark: 'measured',
    source: UNREGISTER,
    applies: ({ request, registered }) => (registered?.signature ?? 0) >>> 0 !== request.signature >>> 0,
  },
  {
    id: 'unregister-unwritable',
    mend: 'Unregister before the memory of struct rseq is unmapped or protected.',
    operation: 'unregister',
    condition: 'the memory cannot be written any more',
    errno: 'EFAULT',
    consequence:
      'the thread stays registered and dies with SIGSEGV: since 6.19 at once, before at its next update',
    since: '4.18',
    mark: 'measured',
    source: 'kernel/rseq.c rseq_reset_rseq_cpu_id, rseq_reset_rseq_cpu_node_id; since 6.19 rseq_reset_ids',
    applies: (it) => !writable(it),
  },
];

/** The rows as data, in the order of the kernel's checks; every register row stands before the unregister rows. */
export const REGISTRATION_ROWS: readonly RegistrationRow[] = ROWS;

/**
 * The row that decides this call: the first that applies on that kernel. undefined: the call succeeds and nothing
 * is wrong. Throws RangeError for a version that `kernelRules` does not accept.
 */
export function explainRegistration(
  request: RegistrationRequest,
  context: RegistrationContext,
): RegistrationRow | undefined {
  const operation = (request.flags & RSEQ_FLAG_UNREGISTER) !== 0 ? 'unregister' : 'register';
  const rules = kernelRules(context.version);
  const it: Case = { request, context, rules, registered: context.registered };
  return ROWS.find(
    (row) =>
      row.operation === operation &&
      compareVersions(context.version, row.since) >= 0 &&
      (row.until === undefined || compareVersions(context.version, row.until) < 0) &&
      row.applies(it),
  );
}
