#include "tiny.h"

static volatile int handled;
static void note(int signal) {
  (void)signal;
  handled++;
}
static volatile int ends[2];

/* A child that sends a signal as soon as its parent sleeps, and then something into the pipe. */
static long sender(int signal, int times) {
  long parent = self(), child = call(fork);
  if (child != 0) return child;
  for (int n = 0; n < times; n++) {
    until(parent, parent, 'S');
    call(kill, parent, signal);
  }
  until(parent, parent, 'S');
  call(write, ends[1], "x", 1);
  leave(0);
}
static void reap(long child) {
  int status;
  while (call(wait4, child, &status, 0, 0) == -4) {
  }
}

PART(restarts) {
  char byte;
  call(pipe, ends);
  handle(USR1, note, RESTART);
  long child = sender(USR1, 2);
  say("read with SA_RESTART: %ld, handled %d", call(read, ends[0], &byte, 1), handled);
  reap(child), handled = 0;
  handle(USR1, note, 0);
  child = sender(USR1, 1);
  say("read without: %ld, handled %d", call(read, ends[0], &byte, 1), handled);
  reap(child), handled = 0, call(read, ends[0], &byte, 1);

  child = sender(URG, 2);
  say("read, signal ignored: %ld", call(read, ends[0], &byte, 1));
  reap(child);
  block(BIT(USR2));
  child = sender(USR2, 2);
  say("read, signal blocked: %ld", call(read, ends[0], &byte, 1));
  reap(child);
  handle(USR2, (void *)1, 0), unblock(BIT(USR2));

  handle(USR1, note, RESTART);
  struct __kernel_timespec time = {10, 0}, rest = {0, 0};
  child = sender(USR1, 1);
  long value = call(nanosleep, &time, &rest);
  say("nanosleep: %ld, much left %d", value, rest.tv_sec >= 5 && rest.tv_sec <= 10);
  reap(child), call(read, ends[0], &byte, 1);
  child = sender(USR1, 1);
  rest.tv_sec = 77;
  struct __kernel_timespec then;
  call(clock_gettime, 1, &then), then.tv_sec += 10;
  say("clock_nanosleep to a time: %ld, rest %ld", call(clock_nanosleep, 1, 1, &then, &rest), rest.tv_sec);
  reap(child), call(read, ends[0], &byte, 1);
  /* stopped and continued: no handler runs */
  int status;
  long sleeper = call(fork);
  if (sleeper == 0) {
    struct __kernel_timespec some = {0, 60 * MS};
    long begin = now_(1);
    value = call(nanosleep, &some, &rest);
    say("stopped in nanosleep: %ld, long enough %d", value, now_(1) - begin >= 60 * MS);
    leave(0);
  }
  until(sleeper, sleeper, 'S'), call(kill, sleeper, STOP);
  call(wait4, sleeper, &status, 2, 0);
  call(kill, sleeper, CONT);
  call(wait4, sleeper, &status, 0, 0);
  say("status %x", status);

  static volatile int word;
  sleeper = call(fork);
  if (sleeper == 0) {
    struct __kernel_timespec some = {0, 60 * MS};
    long begin = now_(1);
    value = call(futex, &word, FUTEX_WAIT, 0, &some);
    say("stopped in futex: %ld, long enough %d", value, now_(1) - begin >= 60 * MS);
    leave(0);
  }
  until(sleeper, sleeper, 'S'), call(kill, sleeper, STOP);
  call(wait4, sleeper, &status, 2, 0);
  call(kill, sleeper, CONT);
  call(wait4, sleeper, &status, 0, 0);
  handled = 0;
  child = sender(USR1, 1);
  struct __kernel_timespec ten = {10, 0};
  say("futex with a time and a handler: %ld", call(futex, &word, FUTEX_WAIT, 0, &ten));
  reap(child), call(read, ends[0], &byte, 1);
  say("pause: %ld", (child = sender(USR1, 1), call(pause)));
  reap(child), call(read, ends[0], &byte, 1);
  child = sender(USR1, 1);
  say("wait4 with SA_RESTART: %d", call(wait4, child, &status, 0, 0) == child);
  call(read, ends[0], &byte, 1);
  handle(USR1, note, 0);
  child = sender(USR1, 1);
  say("wait4 without: %ld", call(wait4, child, &status, 0, 0));
  reap(child);
  say("restart_syscall: %ld, handled %d", call(restart_syscall), handled);
}

static char small[4096] __attribute__((aligned(16))), large[65536] __attribute__((aligned(16)));
static void where(int signal, struct info *info, struct context *context) {
  char here;
  struct altstack now;
  call(sigaltstack, 0, &now);
  const char *name = &here >= small && &here < small + sizeof small ? "small" : &here >= large && &here < large + sizeof large ? "large" : "usual";
  say("%d runs on the %s stack; flags %x, in the context %x size %ld", signal, name, now.flags, context->stack.flags, context->stack.size);
  if (signal == USR1) {
    struct altstack other = {small, 0, 0, sizeof small};
    say("change: %ld", call(sigaltstack, &other, 0));
    raise_(USR2);
  }
}
static void deep(int signal) {
  volatile char space[2500];
  space[0] = signal;
  raise_(USR2);
}

PART(altstack) {
  struct altstack stack = {large, 0, 0, sizeof large}, old;
  call(sigaltstack, 0, &old);
  say("at first: flags %x size %ld", old.flags, old.size);
  handle(USR1, where, SIGINFO | ONSTACK);
  handle(USR2, where, SIGINFO | ONSTACK);
  handle(HUP, where, SIGINFO);
  raise_(HUP), raise_(USR1);
  say("set: %ld", call(sigaltstack, &stack, &old));
  raise_(HUP), raise_(USR1);
  stack.flags = 1 << 31;
  say("disarming: %ld", call(sigaltstack, &stack, 0));
  raise_(USR1);
  call(sigaltstack, 0, &old);
  say("after: flags %x, large %d", old.flags, old.sp == large);
  stack.size = 2000;
  say("too small %ld", call(sigaltstack, &stack, 0));
  stack.flags = 4;
  say("wrong flags %ld", call(sigaltstack, &stack, 0));
  stack.flags = 2;
  say("disable %ld", call(sigaltstack, &stack, 0));
  call(sigaltstack, 0, &old);
  say("then flags %x size %ld", old.flags, old.size);
  int status;
  long child = call(fork);
  if (child == 0) {
    struct altstack tiny = {small, 0, 0, 4096};
    call(sigaltstack, &tiny, 0);
    handle(USR1, deep, ONSTACK), handle(USR2, deep, ONSTACK | NODEFER);
    raise_(USR1);
    leave(1);
  }
  call(wait4, child, &status, 0, 0);
  say("overflow: %x", status & 0x7f);
  child = call(fork);
  if (child == 0) {
#ifdef __aarch64__
    __asm__ volatile("mov x9, #8\n mov sp, x9\n mov x8, #139\n svc #0\n mov x8, #94\n svc #0" : : : "memory");
#else
    __asm__ volatile("mov $8, %%rsp\n mov $15, %%eax\n syscall\n mov $231, %%eax\n syscall" : : : "memory");
#endif
    leave(1);
  }
  call(wait4, child, &status, 0, 0);
  say("sigreturn from nowhere: %x", status & 0x7f);
}
