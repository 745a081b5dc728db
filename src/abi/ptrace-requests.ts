import { PTRACE_GET_RSEQ_CONFIGURATION } from './ptrace.js';

/** include/uapi/linux/ptrace.h. */
export const PTRACE = {
  TRACEME: 0,
  PEEKTEXT: 1,
  PEEKDATA: 2,
  PEEKUSER: 3,
  POKETEXT: 4,
  POKEDATA: 5,
  POKEUSER: 6,
  CONT: 7,
  KILL: 8,
  SINGLESTEP: 9,
  GETREGS: 12,
  SETREGS: 13,
  GETFPREGS: 14,
  SETFPREGS: 15,
  ATTACH: 16,
  DETACH: 17,
  OLDSETOPTIONS: 21,
  SYSCALL: 24,
  ARCH_PRCTL: 30,
  SYSEMU: 31,
  SYSEMU_SINGLESTEP: 32,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  SETSIGINFO: 0x4203,
  GETREGSET: 0x4204,
  SETREGSET: 0x4205,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  PEEKSIGINFO: 0x4209,
  GETSIGMASK: 0x420a,
  SETSIGMASK: 0x420b,
  GET_SYSCALL_INFO: 0x420e,
  GET_RSEQ_CONFIGURATION: PTRACE_GET_RSEQ_CONFIGURATION,
} as const;

/** Event stops: the number n in status >> 16, which option bit n asks for; STOP is only for seized threads. */
export const EVENT = {
  FORK: 1,
  VFORK: 2,
  CLONE: 3,
  EXEC: 4,
  VFORK_DONE: 5,
  EXIT: 6,
  SECCOMP: 7,
  STOP: 128,
} as const;

/** PTRACE_O_*. */
export const OPTION = {
  TRACESYSGOOD: 1,
  EXITKILL: 1 << 20,
  SUSPEND_SECCOMP: 1 << 21,
  MASK: 0x30_00ff,
} as const;
