#include "tiny.h"

static volatile int depth, order[32], count;
static void note(int signal) {
  order[count++] = signal;
  if (signal == USR1) raise_(USR2);
  order[count++] = -signal;
}
static void print_order(const char *what) {
  char line[200];
  size_t at = 0;
  for (int n = 0; n < count; n++) {
    int value = order[n];
    if (n) line[at++] = ' ';
    if (value < 0) line[at++] = '-', value = -value;
    if (value >= 10) line[at++] = '0' + value / 10;
    line[at++] = '0' + value % 10;
  }
  line[at] = 0;
  say("%s: %s", what, line);
  count = 0;
}

#ifndef __aarch64__
static void fault(int signal, struct info *info, struct context *context) {
  say("signal %d code %d trap %ld error %lx address %s cr2 %s cs %x ss %x", signal, info->code, context->trap, context->error, info->address == (void *)0x123 ? "0x123" : info->address == (void *)context->ip ? "ip" : info->address ? "other" : "0", context->cr2 == 0x123 ? "0x123" : "other", context->cs, context->ss);
  context->ip += context->dx; /* the faulting instruction says how long it is */
}
static void in_context(int signal, struct info *info, struct context *context) {
  say("in %d: code %d pid %s mask %lx stack flags %d restorable %d", signal, info->code, info->pid == self() ? "own" : "other", context->mask, context->stack.flags, (context->flags & 6) == 6);
  context->bx = 77;
  context->mask |= BIT(TERM);
}
static volatile ulong xmm[2];
static void spoil(int signal) {
  unsigned mxcsr, set = 0x7f80;
  unsigned short control, own = 0x27f;
  __asm__ volatile("stmxcsr %0\n ldmxcsr %1\n fnstcw %2\n fldcw %3\n pcmpeqd %%xmm7, %%xmm7" : "=m"(mxcsr), "+m"(set), "=m"(control), "+m"(own) : : "memory");
  say("handler %d begins with mxcsr %x control %x", signal, mxcsr, control);
}
#endif
static void nothing(int signal) { (void)signal; }

PART(signals) {
  handle(USR1, note, 0);
  handle(USR2, note, 0);
  raise_(USR1);
  print_order("nested");
  handle_mask(USR1, note, 0, BIT(USR2));
  raise_(USR1);
  print_order("masked");
  /* several at once: the last to be set up runs first */
  handle(HUP, note, 0);
  handle(TERM, note, 0);
  ulong old = block(BIT(USR2) | BIT(HUP) | BIT(TERM) | BIT(RT));
  handle(RT, note, 0);
  raise_(TERM), raise_(RT), raise_(HUP), raise_(USR2), raise_(USR2), raise_(RT);
  ulong pending;
  call(rt_sigpending, &pending, 8);
  say("was %lx pending %lx", old, pending);
  unblock(~0ul);
  print_order("together");
  handle_mask(HUP, note, 0, ~0ul);
  handle_mask(TERM, note, 0, ~0ul);
  handle_mask(RT, note, 0, ~0ul);
  handle_mask(USR2, note, 0, ~0ul);
  block(~0ul);
  raise_(RT), raise_(USR2), raise_(HUP), call(kill, self(), TERM), raise_(RT);
  unblock(~0ul);
  print_order("one by one");
  struct action action;
  handle(USR1, note, RESETHAND | NODEFER | 0x400);
  raise_(USR1);
  print_order("once");
  call(rt_sigaction, USR1, 0, &action, 8);
  say("then handler %lx flags %lx mask %lx", (long)action.handler, action.flags, action.mask);
  handle(USR1, (void *)1, 0);
  block(BIT(USR1));
  raise_(USR1);
  call(rt_sigpending, &pending, 8);
  say("ignored, blocked: pending %lx", pending);
  handle(USR1, (void *)1, 0);
  call(rt_sigpending, &pending, 8);
  say("ignored again: pending %lx", pending);
  unblock(~0ul);

#ifndef __aarch64__
  handle(SEGV, fault, SIGINFO);
  handle(ILL, fault, SIGINFO);
  handle(FPE, fault, SIGINFO);
  handle(TRAP, fault, SIGINFO);
  __asm__ volatile("mov $3, %%edx\n mov (%%rax), %%rcx\n" : : "a"(0x123) : "rcx", "rdx", "memory");
  __asm__ volatile("mov $3, %%edx\n addl $1, (%%rax)\n" : : "a"(0x123) : "rdx", "memory");
  __asm__ volatile("mov $2, %%edx\n mov %%ecx, (%%rax)\n" : : "a"(0x123) : "rdx", "memory");
  __asm__ volatile("mov $2, %%edx\n ud2" : : : "rdx");
  __asm__ volatile("mov $0, %%edx\n int3" : : : "rdx");
  __asm__ volatile("mov $2, %%edx\n mov $5, %%eax\n div %%cl\n" : : "c"(0) : "rax", "rdx");
  __asm__ volatile("mov $1, %%edx\n hlt" : : : "rdx");

  handle(USR2, in_context, SIGINFO);
  long bx = 5;
  __asm__ volatile("syscall" : "+b"(bx) : "a"(__NR_tgkill), "D"(self()), "S"(call(gettid)), "d"(USR2) : "rcx", "r11", "memory");
  call(rt_sigprocmask, 0, 0, &old, 8);
  say("rbx %ld mask %lx", bx, old);
  call(kill, self(), USR2);

  handle(USR1, spoil, 0);
  unsigned mxcsr = 0x5f80, mxcsr2;
  unsigned short control = 0x37f, control2;
  ulong values[2] = {0x1122334455667788, 0x99aabbccddeeff00}, after[2];
  __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
  __asm__ volatile("movdqu %4, %%xmm7\n syscall\n movdqu %%xmm7, %0\n stmxcsr %1\n fnstcw %2" : "=m"(after), "=m"(mxcsr2), "=m"(control2) : "a"(__NR_tgkill), "m"(values), "D"(self()), "S"(call(gettid)), "d"(USR1) : "rcx", "r11", "memory");
  say("after it: xmm7 %lx %lx mxcsr %x control %x", after[0], after[1], mxcsr2, control2);
#endif

  /* errors */
  struct action wrong = {(void *)1, 0, 0, 0};
  say("sigaction: %ld %ld %ld %ld %ld", call(rt_sigaction, KILL, &wrong, 0, 8), call(rt_sigaction, 65, &wrong, 0, 8), call(rt_sigaction, 0, 0, 0, 8), call(rt_sigaction, USR1, &wrong, 0, 4), call(rt_sigaction, USR1, 8, 0, 8));
  say("kill: %ld %ld %ld", call(kill, self(), 65), call(kill, 999999, 0), call(kill, self(), 0));
  say("tgkill: %ld %ld %ld %ld", call(tgkill, self(), 0, 0), call(tgkill, 999999, call(gettid), 0), call(tkill, -1, 0), call(tgkill, self(), call(gettid), 0));
  ulong all = ~0ul;
  call(rt_sigprocmask, 2, &all, 0, 8);
  call(rt_sigprocmask, 7, 0, &old, 8);
  say("all blocked: %lx; how 7: %ld", old, call(rt_sigprocmask, 7, &all, 0, 8));
  handle(USR2, nothing, 0);
  raise_(USR2);
  ulong none = 0;
  say("suspended: %ld", call(rt_sigsuspend, &none, 8));
  call(rt_sigprocmask, 0, 0, &old, 8);
  say("mask after it: %lx", old);
}

PART(queues) {
  ulong set = BIT(RT) | BIT(RT + 1) | BIT(USR1);
  struct info info;
  struct __kernel_timespec none = {0, 0}, some = {0, 2 * MS}, wrong = {0, 1000000000};
  block(set);
  for (int n = 0; n < 3; n++) {
    zero(&info, sizeof info);
    info.code = -1, info.pid = 4711, info.uid = 12, info.value = 100 + n;
    say("queue: %ld", call(rt_sigqueueinfo, self(), RT + 1 - n % 2, &info));
  }
  raise_(USR1), raise_(USR1);
  long got;
  while ((got = call(rt_sigtimedwait, &set, zero(&info, sizeof info), &none, 8)) > 0)
    say("got %ld signo %d errno %d code %d pid %s uid %d value %ld", got, info.signo, info.errno_, info.code, info.pid == self() ? "own" : info.pid == 4711 ? "4711" : "other", info.uid, info.code == -1 ? info.value : 0);
  say("then %ld", got);
  say("after a while %ld, no time %ld", call(rt_sigtimedwait, &set, 0, &some, 8), call(rt_sigtimedwait, &set, 0, &wrong, 8));
  info.code = 0;
  long child = call(fork);
  if (child == 0) {
    info.code = 0;
    long parent = call(getppid);
    say("as the kernel: %ld, as tgkill: %ld, to itself %ld", call(rt_sigqueueinfo, parent, RT, &info), (info.code = -6, call(rt_sigqueueinfo, parent, RT, &info)), call(rt_tgsigqueueinfo, self(), self(), 0, &info));
    info.code = -1, info.value = 5;
    call(rt_sigqueueinfo, parent, RT, &info);
    leave(3);
  }
  got = call(rt_sigtimedwait, &set, &info, 0, 8);
  say("from the child: %ld value %ld", got, info.value);
  int status;
  call(wait4, child, &status, 0, 0);
  /* another signal ends the wait */
  handle(USR2, (void *)1, 0);
  handle(ALRM, restorer, 0);
  say("wrong: %ld %ld", call(rt_sigtimedwait, &set, 0, 0, 4), call(rt_sigqueueinfo, self(), RT, 8));
}
