/* What the signal of a violation does where there is a handler for it. */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"

#define FORCE "kernel/signal.c force_sigsegv"

/*
 * force_sigsegv() with a handler: while the kernel delivers SIGSEGV it looks at rseq again, finds the same violation and makes the
 * signal fatal: another SIGSEGV with the default action, which waits where the handler's mask blocks it.
 */
static volatile struct {
  int runs, code, reset, pending;
  u64 address;
} *found;

static void seen(int number, siginfo_t *info, struct ucontext *context) {
  area.rseq_cs = 0;
  u64 action[4] = {0}, pending = 0;
  sys(rt_sigaction, SIGSEGV, 0, action, 8);
  sys(rt_sigpending, &pending, 8);
  found->runs++;
  found->code = info->si_code;
  found->address = (u64)info->si_addr;
  found->reset = !action[0];
  found->pending = !!(pending & bit(SIGSEGV));
}

static void seen_last(int number, siginfo_t *info, struct ucontext *context) {
  seen(number, info, context);
  leave(3);
}

static void version_inside(void) {
  spin_cs.version = 1;
  leave(preempted_inside(&spin_cs));
}

static void rseq_cs_outside(void) {
  area.rseq_cs = 0x10;
  preempted_outside();
  leave(4);
}

/* A switch before the handler has cleared rseq_cs finds the violation once more and kills: another child then. */
static void with_handler(handler *function, u64 flags, void (*violate)(void)) {
  registered();
  found = map_shared(4096);
  int status = 0;
  for (int i = 0; i < 20 && !found->runs; i++) {
    long pid = fork();
    if (pid == 0) {
      on_signal(SIGSEGV, function, flags);
      violate();
    }
    status = wait_for(pid);
  }
  if (found->runs) {
    say("handler runs, si_code %d, address %x", (long)found->code, found->address);
    say("SIGSEGV's action is %s", found->reset ? "the default" : "the handler");
    say("another SIGSEGV %s", found->pending ? "is pending" : "is not pending");
  } else say("handler never runs");
  say_status("process", status);
}

static void handler_leaves(void) { with_handler(seen_last, 0, version_inside); }
static void handler_returns(void) { with_handler(seen, 0, version_inside); }
static void handler_not_deferred(void) { with_handler(seen, SA_NODEFER, version_inside); }
static void handler_outside(void) { with_handler(seen_last, 0, rseq_cs_outside); }
static void ignored(void) { with_handler((handler *)1, 0, version_inside); }

static void blocked(void) {
  block(SIG_BLOCK, bit(SIGSEGV), 0);
  with_handler(seen, 0, version_inside);
}

/* The violation comes to light while another signal is delivered. */
static volatile int usr1_ran;
static void usr1(int number, siginfo_t *info, struct ucontext *context) { usr1_ran = 1; }

enum { AFTER_IT = 1, NEVER, RAN };

static void seen_at_delivery(int number, siginfo_t *info, struct ucontext *context) {
  area.rseq_cs = 0;
  leave(IP(context) == (u64)usr1 ? AFTER_IT : usr1_ran ? RAN : NEVER);
}

/* A switch between the store and the delivery shows it too early, one in the handler kills: another child then. */
static void at_delivery(void) {
  registered();
  on_signal(SIGUSR1, usr1, 0);
  on_signal(SIGSEGV, seen_at_delivery, 0);
  int status = 0;
  for (int i = 0; i < 50; i++) {
    long pid = fork();
    if (pid == 0) {
      block(SIG_BLOCK, bit(SIGUSR1), 0);
      send_to(sys(gettid), SIGUSR1);
      area.rseq_cs = 0x10;
      block(SIG_UNBLOCK, bit(SIGUSR1), 0);
      leave(0);
    }
    status = wait_for(pid);
    if (!(status & 0x7f) && status >> 8 != NEVER) break;
  }
  switch (status >> 8) {
  case AFTER_IT: say("SIGUSR1's frame is made, SIGSEGV's handler runs first"); break;
  case NEVER: say("SIGSEGV only"); break;
  case RAN: say("SIGUSR1's handler runs first"); break;
  default: say_status("child", status);
  }
}

const struct row sigsegv_rows[] = {
    {"sigsegv.handler", "a handler for SIGSEGV, violation inside", FORCE, handler_leaves},
    {"sigsegv.handler-returns", "the same, and the handler returns", FORCE, handler_returns},
    {"sigsegv.handler-nodefer", "a handler that does not block SIGSEGV (SA_NODEFER)", FORCE, handler_not_deferred},
    {"sigsegv.handler-outside", "a handler for SIGSEGV, rseq_cs 0x10", FORCE, handler_outside},
    {"sigsegv.blocked", "a handler for SIGSEGV, which is blocked", FORCE, blocked},
    {"sigsegv.ignored", "SIGSEGV ignored", FORCE, ignored},
    {"sigsegv.at-delivery", "the violation comes to light when SIGUSR1 is delivered", "kernel/rseq.c rseq_signal_deliver", at_delivery},
    {0},
};
