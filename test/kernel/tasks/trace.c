#include "traced.h"

static volatile long value = 111, handled;
static void count(int signal) { handled += signal; }
static void calls(void) {
  handle(USR1, count, 0), handle(USR2, count, 0);
  call(getpid);
  call(getppid);
  raise_(USR1);
  raise_(USR1);
  raise_(USR1);
  block(BIT(TERM));
  __asm__ volatile("int3");
  leave(value + handled);
}

PART(trace) {
  long pid = tracee(calls);
  told("begins", pid);
  struct info info = stop_info(pid);
  say("signo %d code %d", info.signo, info.code);
  struct regs regs = registers(pid), other;
  say("in tgkill %ld returns %ld cs %lx ss %lx flags %lx", regs.orig_ax, regs.ax, regs.cs, regs.ss, regs.flags & 2);
  say("peek %ld nowhere %ld, unaligned %d", peek(pid, (void *)&value), trace(PEEKDATA, pid, 8, &value), peek(pid, (char *)&value + 1) == 0);
  say("poke %ld, nowhere %ld, own %ld", trace(POKEDATA, pid, &value, 5), trace(POKEDATA, pid, 8, 5), value);
  long word = 0;
  ulong mask;
  say("user: %ld rip %d, end %ld, odd %ld, debug %ld", trace(PEEKUSER, pid, 16 * 8, &word), word == (long)regs.ip, trace(PEEKUSER, pid, 928, &word), trace(PEEKUSER, pid, 3, &word), trace(PEEKUSER, pid, 848, &word));
  say("poke r12: %ld, wrong cs %ld, wrong fs_base %ld", trace(POKEUSER, pid, 3 * 8, 77), trace(POKEUSER, pid, 17 * 8, 0), trace(POKEUSER, pid, 21 * 8, -1l));
  regs = registers(pid);
  say("r12 %ld", regs.r12);
  regs.r13 = 88;
  say("set %ld", trace(SETREGS, pid, 0, &regs));
  other = registers(pid);
  say("r13 %ld", other.r13);
  struct {
    void *base;
    ulong size;
  } vector = {&other, sizeof other + 64};
  zero(&other, sizeof other);
  say("regset %ld size %ld r13 %ld", trace(PTRACE_GETREGSET, pid, 1, &vector), vector.size, other.r13);
  vector.size = 16;
  say("part %ld size %ld; odd %ld, none %ld", trace(PTRACE_GETREGSET, pid, 1, &vector), vector.size, (vector.size = 15, trace(PTRACE_GETREGSET, pid, 1, &vector)), (vector.size = 16, trace(PTRACE_GETREGSET, pid, 99, &vector)));
  unsigned char fp[512];
  say("fp %ld control %x mxcsr %x", trace(GETFPREGS, pid, 0, fp), *(unsigned short *)fp, *(unsigned *)(fp + 24));
  *(ulong *)(fp + 160) = 4711;
  say("set %ld, again %ld: %ld", trace(SETFPREGS, pid, 0, fp), trace(GETFPREGS, pid, 0, fp), *(ulong *)(fp + 160));
  say("wrong: request %ld, options %ld, signal %ld, nobody %ld, interrupt %ld, listen %ld", trace(12345, pid), trace(PTRACE_SETOPTIONS, pid, 0, 1 << 30), trace(PCONT, pid, 0, 65), trace(PCONT, 999999), trace(PTRACE_INTERRUPT, pid), trace(PTRACE_LISTEN, pid));
  say("attach twice %ld, itself %ld", trace(ATTACH, pid), trace(ATTACH, self()));
  /* system calls */
  say("options %ld", trace(PTRACE_SETOPTIONS, pid, 0, 1));
  for (int n = 0; n < 8; n++) {
    trace(SYSCALL, pid);
    int status = told("call", pid);
    regs = registers(pid);
    struct info info = stop_info(pid);
    long message = 0;
    trace(PTRACE_GETEVENTMSG, pid, 0, &message);
    say("  %ld ax %ld code %x message %ld", regs.orig_ax, n % 2 && regs.orig_ax != 13 ? 0 : regs.ax, info.code, message);
    if (n == 4) regs.orig_ax = __NR_getuid, trace(SETREGS, pid, 0, &regs);
    if (n == 5) regs.ax = 1234, trace(SETREGS, pid, 0, &regs);
    if (n == 6) regs.orig_ax = -1, regs.ax = 42, trace(SETREGS, pid, 0, &regs);
    if (n == 7) say("  skipped: %ld", regs.ax);
    struct {
      unsigned char op, pad[3];
      unsigned arch;
      ulong ip, sp, data[8];
    } syscall;
    zero(&syscall, sizeof syscall);
    long size = trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof syscall, &syscall);
    say("  info %ld op %d arch %x first %ld", size, syscall.op, syscall.arch, syscall.op == 1 ? syscall.data[0] : 0);
  }
  /* signals: taken away, changed, passed on */
  trace(PCONT, pid), told("signal", pid);
  info = stop_info(pid);
  say("  code %d own %d", info.code, info.pid == pid);
  mask = 0;
  say("  mask %ld: %lx, size %ld", trace(PTRACE_GETSIGMASK, pid, 8, &mask), mask, trace(PTRACE_GETSIGMASK, pid, 4, &mask));
  trace(PCONT, pid), told("taken away", pid);
  trace(PCONT, pid, 0, USR2), told("changed", pid);
  info = stop_info(pid);
  info.code = -1, info.value = 3;
  say("  set info %ld", trace(PTRACE_SETSIGINFO, pid, 0, &info));
  trace(PCONT, pid, 0, USR1), told("passed on", pid);
  info = stop_info(pid);
  regs = registers(pid);
  say("int3: code %d signo %d behind it %d orig %ld", info.code, info.signo, (peek(pid, (void *)(regs.ip - 1)) & 0xff) == 0xcc, regs.orig_ax);
  mask = BIT(HUP) | BIT(KILL);
  say("set mask %ld", trace(PTRACE_SETSIGMASK, pid, 8, &mask));
  trace(PTRACE_GETSIGMASK, pid, 8, &mask);
  say("mask %lx", mask);
  long message = 9;
  say("message %ld", (trace(PTRACE_GETEVENTMSG, pid, 0, &message), message));
  say("continue %ld", trace(PCONT, pid, 0, 0));
  say("not stopped: %ld", trace(PEEKDATA, pid, &value, &word) == 0 ? 0 : -3);
  told("ends", pid);
  say("gone: %ld", trace(PCONT, pid));

  pid = tracee(calls);
  told("another", pid);
  say("kill %ld", trace(PKILL, pid));
  told("killed", pid);
  pid = tracee(calls);
  told("another", pid);
  say("detach: wrong signal %ld, signal %ld", trace(DETACH, pid, 0, 70), trace(DETACH, pid, 0, KILL));
  told("detached with SIGKILL", pid);
  pid = tracee(calls);
  told("another", pid);
  call(kill, pid, KILL);
  told("killed from outside", pid);
}

static volatile int stepped_signal;
static void stepped(int signal) { stepped_signal = signal; }
void step_code(void);
__asm__(".globl step_code\nstep_code: mov $1, %eax\n add $2, %eax\n nop\n mov $39, %eax\n syscall\n xor %ebx, %ebx\n mov $3, %ecx\n1: dec %ecx\n jnz 1b\n ret\n");
static void to_step(void) {
  handle(USR1, stepped, 0);
  __asm__ volatile("int3");
  step_code();
  __asm__ volatile("int3");
  raise_(USR1);
  leave(stepped_signal);
}
static void breaks(void) {
  step_code();
  step_code();
}
PART(steps) {
  long pid = tracee(to_step);
  told("begins", pid);
  trace(PCONT, pid);
  told("break", pid);
  struct regs regs;
  int n = 0;
  do {
    trace(STEP, pid);
    int status;
    call(wait4, pid, &status, 0, 0);
    regs = registers(pid);
    if (status != (TRAP << 8 | 0x7f)) say("status %x", status);
    n++;
  } while (regs.ip != (ulong)step_code && n < 100);
  say("at the function: %d", regs.ip == (ulong)step_code);
  for (n = 0; n < 14; n++) {
    struct info info = stop_info(pid);
    say("+%ld ax %ld cx %ld code %d address %d orig %ld tf %ld", regs.ip - (ulong)step_code, regs.ip - (ulong)step_code > 14 ? 0 : regs.ax, regs.ip - (ulong)step_code > 18 ? regs.cx : 0, info.code, (ulong)info.address == regs.ip, regs.orig_ax, regs.flags & 0x100);
    trace(STEP, pid);
    call(wait4, pid, 0, 0, 0);
    regs = registers(pid);
  }
  trace(PCONT, pid);
  told("second break", pid);
  /* into a signal handler */
  trace(PCONT, pid);
  told("signal", pid);
  trace(STEP, pid, 0, USR1);
  told("step with a signal", pid);
  regs = registers(pid);
  struct info info = stop_info(pid);
  say("at the handler %d code %x", regs.ip == (ulong)stepped, info.code);
  trace(PCONT, pid);
  told("ends", pid);
  /* a breakpoint that is put into the code, and taken out */
  pid = tracee(breaks);
  told("begins", pid);
  long code = peek(pid, (void *)step_code);
  for (int n = 0; n < 2; n++) {
    trace(POKETEXT, pid, step_code, (code & ~0xffl) | 0xcc);
    trace(PCONT, pid);
    told("breakpoint", pid);
    regs = registers(pid);
    say("at it %d; own code %d", regs.ip == (ulong)step_code + 1, *(volatile unsigned char *)step_code == 0xb8);
    trace(POKETEXT, pid, step_code, code);
    regs.ip--;
    trace(SETREGS, pid, 0, &regs);
    trace(STEP, pid);
    told("over it", pid);
    regs = registers(pid);
    say("+%ld ax %ld", regs.ip - (ulong)step_code, regs.ax);
  }
  trace(PCONT, pid);
  told("ends", pid);
  /* the system call that is stepped out of a stop at its begin, and one that is not done */
  pid = tracee(breaks);
  told("begins", pid);
  trace(PTRACE_SETOPTIONS, pid, 0, 1);
  trace(SYSCALL, pid), told("begin", pid);
  trace(STEP, pid), told("step", pid);
  regs = registers(pid);
  say("returned %d orig %ld", regs.ax == (ulong)pid, regs.orig_ax);
  trace(SYSEMU, pid), told("emulated", pid);
  regs = registers(pid);
  say("ax %ld", regs.ax);
  regs.ax = 5, trace(SETREGS, pid, 0, &regs);
  trace(SYSEMU, pid), told("no end, next begin", pid);
  trace(PKILL, pid);
  told("ends", pid);
}
