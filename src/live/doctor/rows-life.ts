import type { Case, Subject } from './row.js';

const RSEQ_SINCE = { before: '5.10' } as const;
const eio = (text: string | readonly string[]): readonly Case[] => [
  [{ before: '5.13' }, 'EIO'],
  [{}, text],
];
/** Of x86-64, of arm64: how long instructions are. */
const anyOf = (...texts: readonly string[]): readonly Case[] => [[{}, texts]];
/** The size is a constant there. */
const NONE_BEFORE_63 = '24; 24 bytes; address 0; size 32; signature 0x0; flags 0, pad 0';
const refused = (text: string): readonly Case[] => [
  [RSEQ_SINCE, 'EINVAL'],
  [{}, text],
];
/** Unlike Linux before 7.0, where there is no such thing. */
const slice = (text: string, before: string): readonly Case[] => [
  [{ sliceExtension: false }, before],
  [{}, text],
];

// biome-ignore format: a table
export const LIFE: readonly Subject[] = [
  {
    title: 'fork, threads, exec',
    rows: [
      { id: 'fork.inherits', promise: 'a child inherits the registration', expected: 'child: EBUSY' },
      { id: 'fork.fields', promise: 'its cpu_id is right', expected: 'cpu_id = getcpu' },
      { id: 'fork.section', promise: 'its sections are aborted', expected: 'child\'s section aborted' },
      { id: 'fork.unregister', promise: 'it unregisters for itself only', expected: 'child unregisters: 0; parent: EBUSY' },
      { id: 'fork.violation', promise: 'it breaks a rule for itself only', expected: 'child killed by SIGSEGV' , },
      { id: 'fork.unregistered', promise: 'of an unregistered parent: unregistered', expected: 'child: 0' },
      { id: 'clone.thread', promise: 'a thread begins unregistered', expected: 'unregister: EINVAL; register another area: 0; first thread: EBUSY' },
      { id: 'clone.vm', promise: 'a process that shares memory too', expected: 'unregister: EINVAL; register another area: 0' },
      { id: 'clone.vfork', promise: 'after vfork(2) too', expected: 'unregister: EINVAL; register another area: 0; parent: EBUSY' },
      { id: 'exec.clears', promise: 'execve(2) ends the registration', expected: [[{ lengthRule: 'exactly-32' }, 'unregister: EINVAL; register: EINVAL'], [{}, 'unregister: EINVAL; register: 0']] },
      { id: 'exec.area-gone', promise: 'and nothing is written to the area that was', expected: 'survived' },
      { id: 'exec.failed', promise: 'an execve(2) that fails changes nothing', expected: 'execve: ENOENT; register: EBUSY' },
      { id: 'exit.reuse', promise: 'the area of a thread that has ended can be registered again', expected: 'register: 0; register: 0; cpu_id as it was' },
      { id: 'exit.unmap-later', promise: 'and unmapped', expected: 'register: 0; survived' },
    ],
  },
  {
    title: 'membarrier',
    rows: [
      { id: 'membarrier.query', promise: 'which commands for rseq there are', needs: 'membarrier', expected: [
        [RSEQ_SINCE, 'RSEQ no; REGISTER_RSEQ no; GET_REGISTRATIONS no'],
        [{ before: '6.3' }, 'RSEQ yes; REGISTER_RSEQ yes; GET_REGISTRATIONS no'],
        [{}, 'RSEQ yes; REGISTER_RSEQ yes; GET_REGISTRATIONS yes'],
      ] },
      { id: 'membarrier.unregistered', promise: 'refused before the process has registered for it', needs: 'membarrier', expected: refused('EPERM') },
      { id: 'membarrier.register-flags', promise: 'registering takes no flags', needs: 'membarrier', expected: 'EINVAL' },
      { id: 'membarrier.ok', promise: 'registered, twice, and used', needs: 'membarrier', expected: [[RSEQ_SINCE, 'EINVAL; EINVAL; EINVAL; EINVAL'], [{}, '0; 0; 0; 0']] },
      { id: 'membarrier.cpus', promise: 'for one CPU, and for CPUs that there are not', needs: 'membarrier', expected: [[RSEQ_SINCE, 'EINVAL; no such CPU EINVAL; -1 EINVAL; flags 2 EINVAL; flags 3 EINVAL'], [{}, '0; no such CPU 0; -1 0; flags 2 EINVAL; flags 3 EINVAL']] },
      { id: 'membarrier.whole-process', promise: 'one thread registers for all', needs: 'membarrier', expected: refused('0') },
      { id: 'membarrier.fork', promise: 'a child inherits it', needs: 'membarrier', expected: [[RSEQ_SINCE, 'child EINVAL'], [{}, 'child 0']] },
      { id: 'membarrier.exec', promise: 'execve(2) ends it', needs: 'membarrier', expected: [[RSEQ_SINCE, 'EINVAL; EINVAL'], [{}, '0; EPERM']] },
      { id: 'inside.membarrier', promise: 'its caller\'s own section is not aborted', needs: 'membarrier', expected: [
        [{ syscallInSection: 'kill' }, 'killed by SIGSEGV'],
        [RSEQ_SINCE, 'EINVAL; went on behind the call; committed'],
        [{}, '0; went on behind the call; committed'],
      ] },
    ],
  },
  {
    title: 'time slice extension, since 7.0',
    rows: [
      { id: 'slice.unregistered', promise: 'without registration', needs: 'slice-built', expected: slice('get 0; set ENXIO', 'get EINVAL; set EINVAL') },
      { id: 'slice.length-32', promise: 'with 32 bytes registered: not since 7.1', needs: 'slice-built', expected: [
        [{ sliceExtension: false }, 'get EINVAL; set EINVAL'],
        [{ evaluation: 'by-length' }, 'get 0; set ENOTSUPP'],
        [{}, 'get 0; set 0'],
      ] },
      { id: 'slice.length-64', promise: 'with 64 bytes registered', needs: 'slice-built', expected: [[{ lengthRule: 'exactly-32' }, 'EINVAL; get EINVAL; set EINVAL; get EINVAL'], ...slice('0; get 0; set 0; get 1', '0; get EINVAL; set EINVAL; get EINVAL')] },
      { id: 'slice.yield', promise: 'rseq_slice_yield(2) without a grant', needs: 'slice-built', expected: slice('0', 'ENOSYS') },
      { id: 'slice.grant', promise: 'asked for, granted, given back', needs: 'slice', expected: 'yield 1, slice_ctrl 0x0; again 0' },
      { id: 'slice.call', promise: 'another system call ends the grant', needs: 'slice', expected: 'slice_ctrl 0x0; yield 0' },
      { id: 'slice.expires', promise: 'a grant that is not given back is taken', needs: 'slice', expected: 'slice_ctrl 0x0' },
      { id: 'slice.not-asked', promise: 'who does not ask gets none', needs: 'slice', expected: 'slice_ctrl 0x0' },
      { id: 'slice.disabled', promise: 'enabled, then disabled', needs: 'slice', expected: 'disable 0; flags 0x10; get 0' },
      { id: 'slice.flags', promise: 'a program that clears rseq.flags is killed', needs: 'slice', expected: 'killed by SIGSEGV' },
    ],
  },
  {
    title: 'ptrace',
    harm: 'debuggers and checkpoint tools see something else than they rely on.',
    rows: [
      { id: 'configuration.size-24', promise: 'PTRACE_GET_RSEQ_CONFIGURATION tells the registration', expected: eio(['24; 24 bytes; address right; size 32; signature 0x53053053; flags 0, pad 0', '24; 24 bytes; address right; size 32; signature 0xd428bc00; flags 0, pad 0']) },
      { id: 'configuration.size-8', promise: 'as much of it as there is room for', expected: eio('24; 8 bytes') },
      { id: 'configuration.length-64', promise: 'length and signature as registered', expected: [
        [{ before: '5.13' }, 'EIO'],
        [{ lengthRule: 'exactly-32' }, NONE_BEFORE_63],
        [{}, '24; 24 bytes; address right; size 64; signature 0x12345678; flags 0, pad 0'],
      ] },
      { id: 'configuration.unregistered', promise: 'nothing, of an unregistered thread', expected: [[{ before: '5.13' }, 'EIO'], [{ lengthRule: 'exactly-32' }, NONE_BEFORE_63], [{}, '24; 24 bytes; address 0; size 0; signature 0x0; flags 0, pad 0']] },
      { id: 'configuration.running', promise: 'refused while the tracee runs', expected: 'ESRCH' },
      { id: 'ptrace.breakpoint', promise: 'a stop inside aborts when the tracee goes on', expected: anyOf('child stopped by SIGTRAP; start_ip + 2; rseq_cs set; aborted', 'child stopped by SIGTRAP; start_ip + 8; rseq_cs set; aborted') },
      { id: 'ptrace.step', promise: 'a single step inside ends behind abort_ip', expected: anyOf('child stopped by SIGTRAP; start_ip + 2; child stopped by SIGTRAP; abort_ip + 2; rseq_cs cleared; aborted', 'child stopped by SIGTRAP; start_ip + 8; child stopped by SIGTRAP; abort_ip + 4; rseq_cs cleared; aborted') },
      { id: 'ptrace.step-disarmed', promise: 'with rseq_cs set to NULL one can step through', expected: anyOf('child stopped by SIGTRAP; start_ip + 3; end + 0; end + 5; committed', 'child stopped by SIGTRAP; start_ip + 12; end + 0; end + 4; committed') },
      { id: 'ptrace.step-in', promise: 'a step into a section ends behind abort_ip too', expected: anyOf('start_ip + 0; rseq_cs set; abort_ip + 2; aborted', 'start_ip + 0; rseq_cs set; abort_ip + 4; aborted') },
      { id: 'ptrace.detach', promise: 'PTRACE_DETACH aborts', expected: 'child stopped by SIGTRAP; aborted' },
      { id: 'ptrace.moved-out', promise: 'ip moved out by the tracer: not aborted', expected: 'child stopped by SIGTRAP; committed' },
      { id: 'ptrace.interrupt', promise: 'PTRACE_INTERRUPT inside aborts', expected: 'child stopped by SIGTRAP; aborted' },
      { id: 'ptrace.attach', promise: 'PTRACE_ATTACH and PTRACE_DETACH inside abort', expected: 'child stopped by SIGSTOP; aborted' },
      { id: 'ptrace.interrupt-last', promise: 'PTRACE_INTERRUPT while a last system call waits', expected: [[{ evaluation: 'every-switch' }, 'child stopped by SIGTRAP; aborted'], [{}, 'child stopped by SIGTRAP; committed']] },
    ],
  },
];
