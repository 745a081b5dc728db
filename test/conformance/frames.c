/* The frame of a handler, rt_sigreturn(2), the alternate stack. */
#include "rows.h"
#include "signals.h"
#include "thread.h"

#define SIGNAL "kernel/signal.c"
#define FRAME "arch/x86/kernel/signal_64.c x64_setup_rt_frame"
#define MCONTEXT uc_mcontext

static volatile u64 word, masked, seen_sp;
static struct thread other;

/* ------------------------------------------------------------------- sigreturn */

static void changes(int number, siginfo_t *info, struct ucontext *context) {
  context->MCONTEXT.r12 = 0x1234;
  context->MCONTEXT.rip += 2;
  *(u64 *)&context->uc_sigmask = bit(SIGTERM);
}

static void sigreturn(void) {
  on_signal(SIGILL, changes, 0);
  u64 r12, after;
  asm volatile("xor %%r12d, %%r12d\n ud2\n mov %%r12, %0" : "=r"(r12) : : "r12");
  block(SIG_BLOCK, 0, &after);
  say("r12 %x, mask %x", r12, after);
}

static void keeps(int number, siginfo_t *info, struct ucontext *context) {
  asm volatile("mov $7, %%r12d\n mov $7, %%r13d\n std\n cld" : : : "r12", "r13");
  context->MCONTEXT.rip += 2;
}

static void registers(void) {
  on_signal(SIGILL, keeps, 0);
  u64 r13, flags;
  asm volatile("mov $0x55, %%r13d\n stc\n ud2\n pushf\n pop %1\n mov %%r13, %0" : "=r"(r13), "=r"(flags) : : "r13", "r12");
  say("r13 %x, carry %d", r13, flags & 1);
}

static void flags_at_entry(int number, siginfo_t *info, struct ucontext *context) {
  u64 flags;
  asm volatile("pushf\n pop %0" : "=r"(flags));
  word = flags >> 10 & 1;
  seen_sp = (u64)__builtin_frame_address(0) + 8;
  masked = context->MCONTEXT.rsp;
  context->MCONTEXT.rip += 2;
}

static void entry(void) {
  on_signal(SIGILL, flags_at_entry, 0);
  asm volatile("std\n ud2\n cld");
  say("direction flag %d", word);
  say("stack %s", (seen_sp & 15) == 8 ? "aligned as by a call" : "not aligned as by a call");
  say("red zone %s", masked - seen_sp >= 128 ? "left" : "overwritten");
}

static void bad_frame(void) {
  asm volatile("xor %%esp, %%esp\n mov $15, %%eax\n syscall" : : : "memory");
}

static char small[4096] __attribute__((aligned(16)));

static void no_stack(void) {
  on_signal(SIGILL, keeps, 0);
  asm volatile("mov $0x1000, %%esp\n ud2" : : : "memory");
}

/* ------------------------------------------------------------------ sigaltstack */

static char big[65536] __attribute__((aligned(16)));
struct stack {
  void *sp;
  int flags;
  u64 size;
};

static void alternate(void) {
  struct stack none, set = {big, 0, sizeof big}, got, tiny = {small, 0, 1000}, odd = {small, 8, sizeof small};
  sys(sigaltstack, 0, &none);
  say("at first flags %d", (long)none.flags);
  say("tiny %e", sys(sigaltstack, &tiny, 0));
  say("flags 8 %e", sys(sigaltstack, &odd, 0));
  say("set %e", sys(sigaltstack, &set, 0));
  sys(sigaltstack, 0, &got);
  say("flags %d, size %d", (long)got.flags, got.size);
}

static volatile long change;
static volatile int flags_inside;

static void on_alternate(int number, siginfo_t *info, struct ucontext *context) {
  struct stack got, other_stack = {small, 0, sizeof small};
  sys(sigaltstack, 0, &got);
  flags_inside = got.flags;
  change = sys(sigaltstack, &other_stack, 0);
  seen_sp = (u64)__builtin_frame_address(0);
  context->MCONTEXT.rip += 2;
}

static void on_stack(void) {
  struct stack set = {big, 0, sizeof big};
  sys(sigaltstack, &set, 0);
  on_signal(SIGILL, on_alternate, SA_ONSTACK);
  asm volatile("ud2");
  say(seen_sp - (u64)big < sizeof big ? "on the alternate stack" : "on the stack");
  say("flags %d", (long)flags_inside);
  say("change %e", change);
}

static void autodisarm(void) {
  struct stack set = {big, 1u << 31, sizeof big};
  say("%e", sys(sigaltstack, &set, 0));
  on_signal(SIGILL, on_alternate, SA_ONSTACK);
  asm volatile("ud2");
  say("flags %d", (long)flags_inside);
  say("change %e", change);
  sys(sigaltstack, 0, &set);
  say("afterwards %s", set.sp == big && set.flags == (int)(1u << 31) ? "as before" : "changed");
}

static void overflow_handler(int number, siginfo_t *info, struct ucontext *context) {
  say("handler runs, si_code %d", (long)info->si_code);
  done();
}

static void stack_gone(void) {
  struct stack set = {big, 0, sizeof big};
  sys(sigaltstack, &set, 0);
  on_signal(SIGSEGV, overflow_handler, SA_ONSTACK);
  asm volatile("mov $0x1000, %%esp\n push %%rax" : : : "memory");
}

static void thread_stack(void *unused) {
  struct stack got;
  sys(sigaltstack, 0, &got);
  say("thread's flags %d", (long)got.flags);
}

static void alternate_in_thread(void) {
  struct stack set = {big, 0, sizeof big};
  sys(sigaltstack, &set, 0);
  start(&other, thread_stack, 0);
  join(&other);
}

const struct row frame_rows[] = {
    {"sigreturn.changes", "registers and mask that a handler has changed in its frame", FRAME, sigreturn},
    {"sigreturn.registers", "registers and flags after a handler", FRAME, registers},
    {"sigreturn.entry", "flags and stack when a handler starts", FRAME, entry},
    {"sigreturn.bad-frame", "rt_sigreturn(2) without a frame", "arch/x86/kernel/signal_64.c rt_sigreturn", bad_frame},
    {"sigreturn.no-stack", "no memory for the frame", "kernel/signal.c signal_setup_done", no_stack},
    {"altstack.errors", "sigaltstack(2)", SIGNAL " do_sigaltstack", alternate},
    {"altstack.used", "a handler on it", SIGNAL " do_sigaltstack", on_stack},
    {"altstack.autodisarm", "SS_AUTODISARM", SIGNAL " do_sigaltstack", autodisarm},
    {"altstack.stack-gone", "SIGSEGV where the stack is gone", FRAME, stack_gone},
    {"altstack.thread", "a thread does not inherit it", "kernel/fork.c copy_process", alternate_in_thread},
    {0},
};
