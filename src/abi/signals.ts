/** Signals, their numbers and defaults as on x86-64 and arm64 (include/uapi/asm-generic/signal.h, signal(7)). */

/** What a signal does without a handler. `core` kills too. */
export type SignalDefault = 'terminate' | 'core' | 'ignore' | 'stop' | 'continue';

const row = <const N extends string>(name: N, number: number, action: SignalDefault) => ({
  name,
  number,
  action,
});

export const SIGNALS = [
  row('SIGHUP', 1, 'terminate'),
  row('SIGINT', 2, 'terminate'),
  row('SIGQUIT', 3, 'core'),
  row('SIGILL', 4, 'core'),
  row('SIGTRAP', 5, 'core'),
  row('SIGABRT', 6, 'core'),
  row('SIGBUS', 7, 'core'),
  row('SIGFPE', 8, 'core'),
  row('SIGKILL', 9, 'terminate'),
  row('SIGUSR1', 10, 'terminate'),
  row('SIGSEGV', 11, 'core'),
  row('SIGUSR2', 12, 'terminate'),
  row('SIGPIPE', 13, 'terminate'),
  row('SIGALRM', 14, 'terminate'),
  row('SIGTERM', 15, 'terminate'),
  row('SIGSTKFLT', 16, 'terminate'),
  row('SIGCHLD', 17, 'ignore'),
  row('SIGCONT', 18, 'continue'),
  row('SIGSTOP', 19, 'stop'),
  row('SIGTSTP', 20, 'stop'),
  row('SIGTTIN', 21, 'stop'),
  row('SIGTTOU', 22, 'stop'),
  row('SIGURG', 23, 'ignore'),
  row('SIGXCPU', 24, 'core'),
  row('SIGXFSZ', 25, 'core'),
  row('SIGVTALRM', 26, 'terminate'),
  row('SIGPROF', 27, 'terminate'),
  row('SIGWINCH', 28, 'ignore'),
  row('SIGIO', 29, 'terminate'),
  row('SIGPWR', 30, 'terminate'),
  row('SIGSYS', 31, 'core'),
] as const;

/** Numbers by name. Real-time signals are SIGRTMIN (32, of which the C library keeps some) to SIGRTMAX (64). */
export const SIG = Object.fromEntries(SIGNALS.map(({ name, number }) => [name, number])) as Readonly<
  Record<(typeof SIGNALS)[number]['name'], number>
>;

/** Signals are 1 to this. */
export const NSIG = 64;

/** `SIGSEGV`, `SIGRT34`. */
export const signalName = (number: number): string =>
  SIGNALS.find((each) => each.number === number)?.name ?? `SIGRT${number}`;

export const signalDefault = (number: number): SignalDefault =>
  SIGNALS.find((each) => each.number === number)?.action ?? 'terminate';

/** Flags of sigaction(2) (include/uapi/asm-generic/signal-defs.h). */
export const SA = {
  NOCLDSTOP: 0x1,
  NOCLDWAIT: 0x2,
  SIGINFO: 0x4,
  RESTORER: 0x0400_0000,
  ONSTACK: 0x0800_0000,
  RESTART: 0x1000_0000,
  NODEFER: 0x4000_0000,
  RESETHAND: 0x8000_0000,
} as const;

/** si_code: why a signal was sent (include/uapi/asm-generic/siginfo.h). */
export const SI = {
  USER: 0,
  KERNEL: 0x80,
  QUEUE: -1,
  TIMER: -2,
  TKILL: -6,
  ILL_ILLOPC: 1,
  ILL_ILLOPN: 2,
  FPE_INTDIV: 1,
  FPE_FLTDIV: 3,
  FPE_FLTOVF: 4,
  FPE_FLTUND: 5,
  FPE_FLTRES: 6,
  FPE_FLTINV: 7,
  SEGV_MAPERR: 1,
  SEGV_ACCERR: 2,
  BUS_ADRALN: 1,
  BUS_ADRERR: 2,
  TRAP_BRKPT: 1,
  TRAP_TRACE: 2,
  CLD_EXITED: 1,
  CLD_KILLED: 2,
  CLD_DUMPED: 3,
  CLD_TRAPPED: 4,
  CLD_STOPPED: 5,
  CLD_CONTINUED: 6,
} as const;
