/* A system call as the last instruction of a section: made, it is committed, unless the kernel makes it start over. */
#include "rows.h"
#include "calls.h"
#include "signals.h"
#include "thread.h"
#include <linux/futex.h>
#include <linux/time_types.h>

#define FIXUP "kernel/rseq.c in_rseq_cs"
#define RESTART "arch/x86/kernel/signal.c handle_signal"
#define RESTART_NO_HANDLER "arch/x86/kernel/signal.c arch_do_signal_or_restart"

CALL_SECTION(last, "");

static struct thread other;

/* Calls that were made and sections that were committed are as many. */
static void many(void) {
  registered();
  long event = sys(eventfd2, 0, 0), one = 1, executed = 0;
  for (int i = 0; i < 5000; i++) last(&last_cs, __NR_write, event, &one, 8);
  sys(read, event, &executed, 8);
  say("%d of 5000 neither committed nor aborted", 5000 - (long)counts.commits - counts.aborts);
  say("%d calls more than commits", executed - counts.commits);
}

static void getpid(void) {
  registered();
  long process = sys(getpid);
  for (int i = 0; i < 5000; i++)
    if (!last(&last_cs, __NR_getpid)) break;
  say(last(&last_cs, __NR_getpid) == process ? "the right number" : "another number");
  say("%d of 5001 neither committed nor aborted", 5001 - (long)counts.commits - counts.aborts);
}

static void failing(void) {
  registered();
  long result = 0;
  while (!counts.commits) result = last(&last_cs, __NR_close, -1);
  say("%e", result);
}

/* Sleeping last: where it was preempted before the call, the section is aborted and nothing slept; again then. */
static void nanosleep(void) {
  registered();
  struct __kernel_timespec time = {0, 3000000};
  long result = -1;
  for (int i = 0; i < 50 && !counts.commits; i++) result = last(&last_cs, __NR_nanosleep, &time, 0);
  say("%e", result);
  say(outcome(counts.commits));
  say(rseq_cs(&area));
}

static int ends[2];

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
  long result = -1;
  for (int i = 0; i < 50 && !counts.commits; i++) result = last(&last_cs, __NR_read, ends[0], &byte, 1);
  say("%e", result);
  say(outcome(counts.commits));
}

static void fork_last(void) {
  registered();
  long process = sys(getpid);
  int status = 0;
  while (!counts.commits) {
    long pid = last(&last_cs, FORK);
    if (sys(getpid) != process) leave(counts.commits ? 1 : 2);
    if (pid > 0) status = wait_for(pid);
  }
  say("child %s", status == 1 << 8 ? "committed" : "aborted");
  say("parent committed");
}

static volatile int handled;
static volatile u64 seen_ip;

static void look(int number, siginfo_t *info, struct ucontext *context) {
  seen_ip = IP(context);
  handled = 1;
}

static const char *place(void) {
  if (seen_ip == (u64)last_end) return "handler sees start_ip + post_commit_offset";
  if (seen_ip == (u64)last_abort) return "handler sees abort_ip";
  if (seen_ip == (u64)last_end - CALL_SIZE) return "handler sees the system call";
  return "handler sees another address";
}

static void kill_itself(void) {
  registered();
  on_signal(SIGUSR1, look, 0);
  long process = sys(getpid);
  for (int i = 0; i < 50 && !handled; i++) last(&last_cs, __NR_tgkill, process, process, SIGUSR1);
  say(place());
  say(outcome(counts.commits));
}

/* ------------------------------------------------------- a signal while the call waits */

static int first_tid;

static volatile int word, returned;

/* On the CPU of the first thread: that one waits in its call when this runs. After the handler a call that was made again is let go. */
static void interrupter(void *unused) {
  while (!counts.entered) yield();
  sleep_ms(1);
  send_to(first_tid, SIGUSR1);
  while (!handled) yield();
  sleep_ms(1);
  if (returned) return;
  sys(write, ends[1], "x", 1);
  word = 1;
  futex_wake(&word, 1);
}

/*
 * Preempted before the call the section is aborted, and the signal comes there or elsewhere: again then, up to the place where the
 * handler should find the thread.
 */
static void interrupted(u64 flags, char *wanted, long number, long a, long b, long c, long d) {
  registered();
  on_signal(SIGUSR1, look, flags);
  first_tid = sys(gettid);
  one_cpu();
  long result = 0;
  for (int i = 0; i < 20; i++) {
    counts.entered = counts.commits = handled = returned = word = 0;
    start(&other, interrupter, 0);
    result = last(&last_cs, number, a, b, c, d);
    returned = counts.entered = 1;
    join(&other);
    if (seen_ip == (u64)wanted) break;
  }
  say(place());
  if (counts.commits && result < 0) say("%e", result);
  say(outcome(counts.commits));
}

static char byte;
static struct __kernel_timespec seconds = {20, 0};

static void read_eintr(void) {
  sys(pipe2, ends, 0);
  interrupted(0, last_end, __NR_read, ends[0], (long)&byte, 1, 0);
}

static void read_restart(void) {
  sys(pipe2, ends, 0);
  interrupted(SA_RESTART, last_abort, __NR_read, ends[0], (long)&byte, 1, 0);
}

static void futex_eintr(void) { interrupted(0, last_end, __NR_futex, (long)&word, FUTEX_WAIT, 0, 0); }
static void futex_restart(void) { interrupted(SA_RESTART, last_abort, __NR_futex, (long)&word, FUTEX_WAIT, 0, 0); }
#ifdef __NR_pause
static void pause_eintr(void) { interrupted(0, last_end, __NR_pause, 0, 0, 0, 0); }
#endif

static void nanosleep_eintr(void) { interrupted(0, last_end, __NR_nanosleep, (long)&seconds, 0, 0, 0); }

/* Never restarted where there is a handler: ERESTART_RESTARTBLOCK and ERESTARTNOHAND become EINTR in spite of SA_RESTART. */
static void nanosleep_restart(void) { interrupted(SA_RESTART, last_end, __NR_nanosleep, (long)&seconds, 0, 0, 0); }
#ifdef __NR_pause
static void pause_restart(void) { interrupted(SA_RESTART, last_end, __NR_pause, 0, 0, 0, 0); }
#endif

/* ---------------------------------------------------------- stopped while the call waits */

/* Set by the parent while the child is stopped. */
#define STOPPED counts.unused[0]

/* The child waits in its call on the parent's CPU, is stopped and goes on. Preempted before its call it tries again. */
static void stopped(long number, long a, long b, long c) {
  registered();
  one_cpu();
  share_counts();
  long pid = fork();
  if (pid == 0) {
    do last(&last_cs, number, a, b, c);
    while (!counts.commits && !STOPPED);
    leave(counts.commits ? 1 : 2);
  }
  while (!counts.entered) yield();
  sleep_ms(1);
  sys(kill, pid, SIGSTOP);
  say_status("child", wait_for(pid));
  STOPPED = 1;
  sys(kill, pid, SIGCONT);
  /* A read that started over would wait for this. */
  sys(write, ends[1], "x", 1);
  int status = wait_for(pid);
  say("child %s", status == 1 << 8 ? "committed" : status == 2 << 8 ? "aborted" : "ended otherwise");
}

static void read_stopped(void) {
  sys(pipe2, ends, 0);
  stopped(__NR_read, ends[0], (long)&byte, 1);
}

static void nanosleep_stopped(void) {
  sys(pipe2, ends, 0);
  seconds.tv_sec = 5;
  stopped(__NR_nanosleep, (long)&seconds, 0, 0);
}

const struct row last_rows[] = {
    {"last.getpid", "getpid(2), 5,001 times", FIXUP, getpid},
    {"last.write", "write(2) to an eventfd, 5,000 times: made as often as committed", FIXUP, many},
    {"last.error", "close(-1)", FIXUP, failing},
    {"last.nanosleep", "nanosleep(2) sleeps", FIXUP, nanosleep},
    {"last.read", "read(2) waits for a byte", FIXUP, read_pipe},
    {"last.fork", "fork(2)", FIXUP, fork_last},
    {"last.kill", "a signal to itself", FIXUP, kill_itself},
    {"last.read-eintr", "a signal without SA_RESTART while read(2) waits", RESTART, read_eintr},
    {"last.read-restart", "a signal with SA_RESTART while read(2) waits", RESTART, read_restart},
    {"last.futex-eintr", "a signal without SA_RESTART while futex(2) waits", RESTART, futex_eintr},
    {"last.futex-restart", "a signal with SA_RESTART while futex(2) waits", RESTART, futex_restart},
#ifdef __NR_pause
    {"last.pause-eintr", "a signal without SA_RESTART while pause(2) waits", RESTART, pause_eintr},
    {"last.pause-restart", "a signal with SA_RESTART while pause(2) waits", RESTART, pause_restart},
#endif
    {"last.nanosleep-eintr", "a signal without SA_RESTART while nanosleep(2) sleeps", RESTART, nanosleep_eintr},
    {"last.nanosleep-restart", "a signal with SA_RESTART while nanosleep(2) sleeps", RESTART, nanosleep_restart},
    {"last.read-stopped", "SIGSTOP and SIGCONT while read(2) waits", RESTART_NO_HANDLER, read_stopped},
    {"last.nanosleep-stopped", "SIGSTOP and SIGCONT while nanosleep(2) sleeps", RESTART_NO_HANDLER, nanosleep_stopped},
    {0},
};
