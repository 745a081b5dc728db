/* A system call in the middle of a section: it is made; what it does decides whether the section is aborted behind it. */
#include "rows.h"
#include "calls.h"
#include "signals.h"
#include "thread.h"
#include <linux/membarrier.h>
#include <linux/mman.h>
#include <linux/time_types.h>

#define FIXUP "kernel/rseq.c rseq_ip_fixup"

CALL_SECTION(middle, GOES_ON);

static struct thread other;

static void say_counts(void) {
  say("%s", counts.returned ? "went on behind the call" : "did not go on behind the call");
  say(counts.commits ? "committed" : "aborted");
}

#define UNINTERRUPTED 1000
/* A switch may come at any time: asked until a section commits. */
#define UNTIL_COMMITTED(call)                                    \
  for (int i = 0; i < UNINTERRUPTED && !counts.commits; i++) {   \
    counts.returned = 0;                                         \
    call;                                                        \
  }

static void getpid(void) {
  registered();
  long process = sys(getpid), result = 0;
  UNTIL_COMMITTED(result = middle(&middle_cs, __NR_getpid))
  say(result == process ? "the right number" : "another number");
  say_counts();
}

static void failing(void) {
  registered();
  long result = 0;
  UNTIL_COMMITTED(result = middle(&middle_cs, __NR_close, -1))
  say("%e", result);
  say_counts();
}

static void unknown(void) {
  registered();
  long result = 0;
  UNTIL_COMMITTED(result = middle(&middle_cs, 1 << 20))
  say("%e", result);
  say_counts();
}

static long now_ms(void) {
  struct __kernel_timespec time;
  sys(clock_gettime, 1, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void nanosleep(void) {
  registered();
  struct __kernel_timespec time = {0, 3000000};
  int slept = 0;
  /* Preempted before the call it would not have slept. */
  for (int i = 0; i < 50 && !slept && !counts.commits; i++) {
    long before = now_ms();
    middle(&middle_cs, __NR_nanosleep, &time, 0);
    slept = now_ms() - before >= 2;
  }
  say(slept ? "slept" : "did not sleep");
  say_counts();
  say(rseq_cs(&area));
}

static volatile int handled;
static volatile u64 seen_ip;
static void look(int number, siginfo_t *info, struct ucontext *context) {
  seen_ip = IP(context);
  handled = 1;
}

static void kill_itself(void) {
  registered();
  on_signal(SIGUSR1, look, 0);
  long process = sys(getpid);
  for (int i = 0; i < 50 && !handled; i++) middle(&middle_cs, __NR_tgkill, process, process, SIGUSR1);
  say(seen_ip == (u64)middle_abort ? "handler sees abort_ip" : "handler sees another address");
  say_counts();
}

static void kill_blocked(void) {
  registered();
  on_signal(SIGUSR1, look, 0);
  block(SIG_BLOCK, bit(SIGUSR1), 0);
  long process = sys(getpid);
  UNTIL_COMMITTED(middle(&middle_cs, __NR_tgkill, process, process, SIGUSR1))
  say_counts();
}

static int ends[2];

/* On the first thread's CPU: it is either blocked or preempted when this runs. */
static void writer(void *unused) {
  while (!counts.entered) yield();
  sys(write, ends[1], "x", 1);
}

static void read_pipe(void) {
  registered();
  one_cpu();
  sys(pipe2, ends, 0);
  start(&other, writer, 0);
  char byte = 0;
  while (!byte && !counts.commits) middle(&middle_cs, __NR_read, ends[0], &byte, 1);
  say(byte ? "byte taken" : "byte left");
  say_counts();
}

static void migrate(void) {
  two_cpus();
  registered();
  pin(nth_cpu(0));
  u64 mask[128] = {0};
  int to = nth_cpu(1);
  mask[to / 64] = 1ul << to % 64;
  while (current_cpu() != to && !counts.commits) middle(&middle_cs, __NR_sched_setaffinity, 0, sizeof mask, mask);
  say_counts();
}

static void membarrier(void) {
  registered();
  sys(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
  long result = -1;
  UNTIL_COMMITTED(result = middle(&middle_cs, __NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0))
  say("%e", result);
  say_counts();
}

static void unregister(void) {
  registered();
  UNTIL_COMMITTED({
    rseq(&area, 32, 0, SIGNATURE);
    middle(&middle_cs, __NR_rseq, &area, 32, RSEQ_UNREGISTER, SIGNATURE);
  })
  say_counts();
}

/* The registration itself clears rseq_cs. */
static void register_inside(void) {
  UNTIL_COMMITTED({
    rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE);
    middle(&middle_cs, __NR_rseq, &area, 32, 0, SIGNATURE);
  })
  say_counts();
  say(rseq_cs(&area));
}

/* Exit status: of the child, whether it committed. The parent commits unless something else interrupts it. */
static void fork_inside(void) {
  registered();
  long process = sys(getpid);
  int status = 0;
  for (int i = 0; i < UNINTERRUPTED && !counts.commits; i++) {
    counts.returned = counts.aborts = 0;
    long pid = middle(&middle_cs, FORK);
    if (sys(getpid) != process) leave(counts.commits ? 1 : 2);
    if (pid > 0) status = wait_for(pid);
  }
  say("child %s", status == 1 << 8 ? "committed" : "aborted");
  say("parent %s", counts.commits ? "committed" : "aborted");
}

static void mprotect_descriptor(void) {
  struct rseq_cs *copy = map(4096);
  *copy = middle_cs;
  registered();
  UNTIL_COMMITTED({
    sys(mprotect, copy, 4096, PROT_READ | PROT_WRITE);
    middle(copy, __NR_mprotect, copy, 4096, PROT_READ);
  })
  say_counts();
}

const struct row inside_rows[] = {
    {"inside.getpid", "getpid(2)", FIXUP, getpid},
    {"inside.error", "close(-1)", FIXUP, failing},
    {"inside.unknown", "a system call that there is not", FIXUP, unknown},
    {"inside.nanosleep", "nanosleep(2) sleeps, then the section is aborted", FIXUP, nanosleep},
    {"inside.read", "read(2) of a pipe waits, takes a byte, then the section is aborted", FIXUP, read_pipe},
    {"inside.kill", "a signal to itself", "kernel/rseq.c rseq_signal_deliver", kill_itself},
    {"inside.kill-blocked", "a signal to itself that is blocked", "kernel/rseq.c rseq_signal_deliver", kill_blocked},
    {"inside.migrate", "sched_setaffinity(2) to another CPU", "include/linux/rseq.h rseq_migrate", migrate},
    {"inside.membarrier", "PRIVATE_EXPEDITED_RSEQ does not abort its caller", "kernel/sched/membarrier.c membarrier_private_expedited", membarrier},
    {"inside.fork", "fork(2): parent and child", "kernel/sched/core.c wake_up_new_task", fork_inside},
    {"inside.unregister", "rseq(2) unregisters", FIXUP, unregister},
    {"inside.register", "rseq(2) registers", FIXUP, register_inside},
    {"inside.mprotect", "mprotect(2) of the descriptor", FIXUP, mprotect_descriptor},
    {0},
};
