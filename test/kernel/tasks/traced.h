/* What tracers of this program share. */
#include "tiny.h"

struct regs {
  ulong r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss, fs_base, gs_base, ds, es, fs, gs;
};
#define trace(request, pid, ...) call(ptrace, request, pid __VA_OPT__(, ) __VA_ARGS__)
enum { TRACEME = 0, PEEKTEXT = 1, PEEKDATA = 2, PEEKUSER = 3, POKETEXT = 4, POKEDATA = 5, POKEUSER = 6, PCONT = 7, PKILL = 8, STEP = 9, GETREGS = 12, SETREGS = 13, GETFPREGS = 14, SETFPREGS = 15, ATTACH = 16, DETACH = 17, SYSCALL = 24, SYSEMU = 31 };
enum { SIGTRAP_ = TRAP, NOHANG = 1, UNTRACED = 2, WALL = 0x40000000 };

/* Waits for one tracee and returns its status, printed in full. */
static inline int told(const char *what, long pid) {
  int status = 0x5555;
  long got = call(wait4, pid, &status, WALL, 0);
  if (got != pid) say("%s: wait %ld", what, got);
  else if (status == 0xffff) say("%s: continued", what);
  else if ((status & 0xff) == 0x7f) say("%s: stopped %d event %d", what, status >> 8 & 0xff, status >> 16);
  else if (status & 0x7f) say("%s: killed by %d", what, status & 0x7f);
  else say("%s: exited %d", what, status >> 8);
  return status;
}
static inline struct regs registers(long pid) {
  struct regs regs;
  trace(GETREGS, pid, 0, &regs);
  return regs;
}
static inline struct info stop_info(long pid) {
  struct info info;
  zero(&info, sizeof info);
  trace(PTRACE_GETSIGINFO, pid, 0, &info);
  return info;
}
static inline long peek(long pid, void *address) {
  long word = -1;
  trace(PEEKDATA, pid, address, &word);
  return word;
}
/* A child that asks to be traced and stops. */
static inline long tracee(void (*run)(void)) {
  long pid = call(fork);
  if (pid) return pid;
  trace(TRACEME, 0);
  raise_(STOP);
  run();
  leave(0);
}
