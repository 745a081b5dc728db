/* Signals, as far as sections rest on them (kernel/signal.c, arch/x86/kernel/signal.c). */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"

#define SIGNAL "kernel/signal.c"

static volatile int order[8], count, code, pid_seen;
static volatile u64 masked;
static struct thread other;

static void note(int number, siginfo_t *info, struct ucontext *context) {
  order[count++] = number;
  code = info->si_code;
  pid_seen = info->si_pid;
  block(SIG_BLOCK, 0, (u64 *)&masked);
}

static void say_order(void) {
  for (int i = 0; i < count; i++) say(signal_name(order[i]));
  if (!count) say("no handler has run");
}

static u64 pending(void) {
  u64 set = 0;
  sys(rt_sigpending, &set, 8);
  return set;
}

/* ------------------------------------------------------------- masks and order */

static void blocked(void) {
  on_signal(SIGUSR1, note, 0);
  block(SIG_BLOCK, bit(SIGUSR1), 0);
  send_to(sys(gettid), SIGUSR1);
  send_to(sys(gettid), SIGUSR1);
  say("pending %s", pending() & bit(SIGUSR1) ? "yes" : "no");
  say("handled %d", (long)count);
  block(SIG_UNBLOCK, bit(SIGUSR1), 0);
  say("handled %d", (long)count);
  say("pending %s", pending() ? "yes" : "no");
}

/* A real-time signal is queued as often as it is sent. */
static void queued(void) {
  on_signal(40, note, 0);
  block(SIG_BLOCK, bit(40), 0);
  for (int i = 0; i < 3; i++) send_to(sys(gettid), 40);
  block(SIG_UNBLOCK, bit(40), 0);
  say("handled %d", (long)count);
}

/* The frames are made in rising order of the numbers, so the last one made runs first; those of faults come first of all. */
static void in_order(void) {
  int signals[] = {SIGUSR2, SIGTERM, SIGUSR1};
  u64 mask = 0;
  for (int i = 0; i < 3; i++) {
    on_signal(signals[i], note, 0);
    mask |= bit(signals[i]);
  }
  block(SIG_BLOCK, mask, 0);
  for (int i = 0; i < 3; i++) send_to(sys(gettid), signals[i]);
  block(SIG_UNBLOCK, mask, 0);
  say_order();
}

static void mask_in_handler(void) {
  on_signal(SIGUSR1, note, 0);
  send_to(sys(gettid), SIGUSR1);
  say("mask %x", masked);
  u64 after;
  block(SIG_BLOCK, 0, &after);
  say("afterwards %x", after);
}

static void nodefer(void) {
  on_signal(SIGUSR1, note, SA_NODEFER);
  send_to(sys(gettid), SIGUSR1);
  say("mask %x", masked);
}

static void action_mask(void) {
  struct {
    handler *function;
    u64 flags;
    void *restorer;
    u64 mask;
  } action;
  on_signal(SIGUSR1, note, 0);
  sys(rt_sigaction, SIGUSR1, 0, &action, 8);
  action.mask = bit(SIGTERM) | bit(SIGKILL);
  sys(rt_sigaction, SIGUSR1, &action, 0, 8);
  sys(rt_sigaction, SIGUSR1, 0, &action, 8);
  send_to(sys(gettid), SIGUSR1);
  say("mask %x, action %x", masked, action.mask);
}

static void nests(int number, siginfo_t *info, struct ucontext *context) {
  note(number, info, context);
  if (count < 3) send_to(sys(gettid), SIGUSR1);
}

static void nested(void) {
  on_signal(SIGUSR1, nests, SA_NODEFER);
  send_to(sys(gettid), SIGUSR1);
  say("handled %d", (long)count);
}

static void resethand(void) {
  on_signal(SIGUSR1, note, SA_RESETHAND);
  long pid = fork();
  if (pid == 0) {
    send_to(sys(gettid), SIGUSR1);
    send_to(sys(gettid), SIGUSR1);
    leave(0);
  }
  say_status("child", wait_for(pid));
}

static void unblockable(void) {
  u64 mask;
  block(SIG_SETMASK, -1, 0);
  block(SIG_BLOCK, 0, &mask);
  say("mask %x", mask);
  say("handler for SIGKILL %e", on_signal(SIGKILL, note, 0));
  say("handler for SIGSTOP %e", on_signal(SIGSTOP, note, 0));
  say("handler for 0 %e", on_signal(0, note, 0));
  say("handler for 65 %e", on_signal(65, note, 0));
  say("how 3 %e", block(3, 0, 0));
  say("size 4 %e", sys(rt_sigprocmask, SIG_BLOCK, 0, 0, 4));
}

static void sends(void) {
  long process = sys(getpid);
  on_signal(SIGUSR1, note, 0);
  say("kill 0 %e", sys(kill, process, 0));
  say("kill nobody %e", sys(kill, 1 << 30, 0));
  say("kill 65 %e", sys(kill, process, 65));
  say("tgkill another process %e", sys(tgkill, 1 << 30, process, SIGUSR1));
  say("tgkill 0 %e", sys(tgkill, process, 0, SIGUSR1));
  sys(kill, process, SIGUSR1);
  say("kill: si_code %d, si_pid %s", (long)code, pid_seen == process ? "right" : "wrong");
  send_to(process, SIGUSR1);
  say("tgkill: si_code %d", (long)code);
}

static volatile int other_tid, runner, ready;
static void note_thread(int number, siginfo_t *info, struct ucontext *context) { runner = sys(gettid); }
static void waits_for_signal(void *unused) {
  other_tid = sys(gettid);
  block(SIG_UNBLOCK, bit(SIGUSR1), 0);
  ready = 1;
  while (!runner) sleep_ms(1);
}

static void process_directed(void) {
  on_signal(SIGUSR1, note_thread, 0);
  block(SIG_BLOCK, bit(SIGUSR1), 0);
  start(&other, waits_for_signal, 0);
  while (!ready) yield();
  long process = sys(getpid);
  sys(kill, process, SIGUSR1);
  join(&other);
  say(runner == other_tid ? "the thread that does not block it" : "another thread");
}

static void ignored_child(int number, u64 flags, handler *function) {
  on_signal(number, function, flags);
  send_to(sys(gettid), number);
  say("survived");
}
static void ignored(void) { ignored_child(SIGTERM, 0, (handler *)1); }
static void default_ignored(void) { ignored_child(SIGCHLD, 0, 0); }
static void default_kills(void) { ignored_child(SIGUSR1, 0, 0); }
static void default_alarm(void) { ignored_child(SIGALRM, 0, 0); }

static void sigtimedwait(void) {
  block(SIG_BLOCK, bit(SIGUSR1), 0);
  send_to(sys(gettid), SIGUSR1);
  u64 mask = bit(SIGUSR1);
  siginfo_t info;
  long zero[2] = {0, 0};
  say("%d", sys(rt_sigtimedwait, &mask, &info, zero, 8));
  say("si_code %d", (long)info.si_code);
  say("%e", sys(rt_sigtimedwait, &mask, &info, zero, 8));
}

static void sigsuspend(void) {
  on_signal(SIGUSR1, note, 0);
  block(SIG_BLOCK, bit(SIGUSR1), 0);
  send_to(sys(gettid), SIGUSR1);
  u64 none = 0, after;
  say("%e", sys(rt_sigsuspend, &none, 8));
  block(SIG_BLOCK, 0, &after);
  say("handled %d", (long)count);
  say("mask in the handler %x, afterwards %x", masked, after);
}

static void sigchld(void) {
  on_signal(SIGCHLD, note, 0);
  long pid = fork();
  if (pid == 0) leave(3);
  while (!count) yield();
  say("si_code %d, si_pid %s", (long)code, pid_seen == pid ? "right" : "wrong");
  say_status("child", wait_for(pid));
}

static void sigchld_ignored(void) {
  on_signal(SIGCHLD, (handler *)1, 0);
  long pid = fork();
  if (pid == 0) leave(3);
  say("wait4 %e", sys(wait4, pid, 0, 0, 0));
}

const struct row signal_rows[] = {
    {"signal.blocked", "sent twice while blocked: once pending, once handled", SIGNAL " legacy_queue", blocked},
    {"signal.queued", "a real-time signal three times", SIGNAL " __send_signal_locked", queued},
    {"signal.order", "three at once", SIGNAL " next_signal", in_order},
    {"signal.mask-in-handler", "the mask in a handler and afterwards", SIGNAL " signal_delivered", mask_in_handler},
    {"signal.nodefer", "the mask in a handler with SA_NODEFER", SIGNAL " signal_delivered", nodefer},
    {"signal.action-mask", "sa_mask", SIGNAL " do_sigaction", action_mask},
    {"signal.nested", "a handler interrupted by itself, three deep", SIGNAL, nested},
    {"signal.resethand", "SA_RESETHAND: the second one kills", SIGNAL " get_signal", resethand},
    {"signal.unblockable", "what cannot be blocked or handled, and other errors", SIGNAL " do_sigaction", unblockable},
    {"signal.send", "kill(2) and tgkill(2)", SIGNAL " do_tkill", sends},
    {"signal.process-directed", "kill(2) finds a thread that does not block it", SIGNAL " complete_signal", process_directed},
    {"signal.ignored", "SIGTERM ignored", SIGNAL " sig_task_ignored", ignored},
    {"signal.default-ignored", "SIGCHLD by default", "include/linux/signal.h SIG_KERNEL_IGNORE_MASK", default_ignored},
    {"signal.default-kills", "SIGUSR1 by default", SIGNAL " get_signal", default_kills},
    {"signal.default-alarm", "SIGALRM by default", SIGNAL " get_signal", default_alarm},
    {"signal.timedwait", "rt_sigtimedwait(2)", SIGNAL " do_sigtimedwait", sigtimedwait},
    {"signal.suspend", "rt_sigsuspend(2)", SIGNAL " sigsuspend", sigsuspend},
    {"signal.child", "SIGCHLD", SIGNAL " do_notify_parent", sigchld},
    {"signal.child-ignored", "SIGCHLD ignored: children leave nothing to wait for", SIGNAL " do_notify_parent", sigchld_ignored},
    {0},
};
