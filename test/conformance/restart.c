/* A signal while a system call waits: EINTR, or the call once more (arch/x86/kernel/signal.c handle_signal). */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"
#include <linux/futex.h>
#include <linux/poll.h>
#include <linux/time_types.h>

#define HANDLE "arch/x86/kernel/signal.c handle_signal"
#define NO_HANDLER "arch/x86/kernel/signal.c arch_do_signal_or_restart"

/* call(number, a, b, c, d, e): sets `entered`, then makes the call between the labels. */
static volatile int entered __attribute__((used));
long call(long number, ...);
extern char call_itself[], call_behind[];
#ifdef __aarch64__
asm(".text\ncall:\n mov x8, x0\n mov x0, x1\n mov x1, x2\n mov x2, x3\n mov x3, x4\n mov x4, x5\n"
    " adrp x9, entered\n add x9, x9, :lo12:entered\n mov w10, #1\n str w10, [x9]\n"
    "call_itself: svc #0\ncall_behind: ret\n");
#define RESULT(context) (context)->uc_mcontext.regs[0]
#define SEES_CALL "x0 its argument"
#define SEES_RESULT "x0"
#else
asm(".text\ncall:\n mov %rdi, %rax\n mov %rsi, %rdi\n mov %rdx, %rsi\n mov %rcx, %rdx\n mov %r8, %r10\n mov %r9, %r8\n"
    " movl $1, entered(%rip)\ncall_itself: syscall\ncall_behind: ret\n");
#define RESULT(context) (context)->uc_mcontext.rax
#define SEES_CALL "rax its number"
#define SEES_RESULT "rax"
#endif

static volatile u64 seen_ip;
static volatile long seen_result;
static volatile int handled, returned;
static int first_tid, ends[2];
static volatile int word;
static struct thread other;

static void look(int number, siginfo_t *info, struct ucontext *context) {
  if (handled) return;
  seen_ip = IP(context);
  seen_result = RESULT(context);
  handled = 1;
}

/* What ends the call once the handler has run: where it is EINTR that is to come, further signals. */
static void send_again(void) {
  while (!returned) {
    send_to(first_tid, SIGUSR1);
    sleep_ms(1);
  }
}

static long child;
static void (*release)(void) = send_again;

/* On the CPU of the first thread: that one waits when this runs. */
static void interrupter(void *unused) {
  while (!entered) yield();
  sleep_ms(1);
  send_to(first_tid, SIGUSR1);
  while (!handled) yield();
  sleep_ms(1);
  release();
}

#define INTERRUPTED(flags, ...)                                                         \
  first_tid = sys(gettid);                                                              \
  on_signal(SIGUSR1, look, flags);                                                      \
  one_cpu();                                                                            \
  long result = 0;                                                                      \
  /* A signal that found the thread before its call shows nothing: again then. */       \
  for (int i = 0; i < 50; i++) {                                                        \
    entered = handled = returned = word = 0;                                            \
    start(&other, interrupter, 0);                                                      \
    result = call(__VA_ARGS__);                                                         \
    returned = 1;                                                                       \
    join(&other);                                                                       \
    if (seen_ip == (u64)call_itself || seen_ip == (u64)call_behind) break;              \
  }                                                                                     \
  if (seen_ip == (u64)call_itself) say("handler sees the call, " SEES_CALL);            \
  else if (seen_ip == (u64)call_behind) say("handler sees the next address, " SEES_RESULT " %e", seen_result); \
  else say("handler sees another address");                                             \
  if (child && result == child) say("the child");                                       \
  else say("%e", result)

static char byte;
static void write_byte(void) { sys(write, ends[1], "x", 1); }
static void wake(void) {
  word = 1;
  futex_wake(&word, 1);
}

static void read_plain(void) {
  sys(pipe2, ends, 0);
  INTERRUPTED(0, __NR_read, ends[0], &byte, 1);
}

static void read_again(void) {
  sys(pipe2, ends, 0);
  release = write_byte;
  INTERRUPTED(SA_RESTART, __NR_read, ends[0], &byte, 1);
}

static void futex_plain(void) { INTERRUPTED(0, __NR_futex, &word, FUTEX_WAIT, 0, 0); }

static void futex_again(void) {
  release = wake;
  INTERRUPTED(SA_RESTART, __NR_futex, &word, FUTEX_WAIT, 0, 0);
}

static struct __kernel_timespec seconds = {20, 0}, left;
static void futex_timeout(void) { INTERRUPTED(SA_RESTART, __NR_futex, &word, FUTEX_WAIT, 0, &seconds); }

static void nanosleep(void) {
  INTERRUPTED(SA_RESTART, __NR_nanosleep, &seconds, &left);
  say("time left %s", left.tv_sec > 0 ? "said" : "not said");
}

static void clock_nanosleep(void) { INTERRUPTED(SA_RESTART, __NR_clock_nanosleep, 1, 0, &seconds, &left); }

#ifdef __NR_poll
static void poll(void) {
  sys(pipe2, ends, 0);
  struct pollfd readable = {ends[0], POLLIN, 0};
  INTERRUPTED(SA_RESTART, __NR_poll, &readable, 1, 20000);
}

static void pause(void) { INTERRUPTED(SA_RESTART, __NR_pause); }
#endif

static void end_child(void) { sys(kill, child, SIGKILL); }

static void wait_again(void) {
  child = fork();
  if (child == 0) {
    sleep_ms(60000);
    leave(0);
  }
  release = end_child;
  int status = 0;
  INTERRUPTED(SA_RESTART, __NR_wait4, child, &status, 0, 0);
  say_status("child", status);
}

static void wait_plain(void) {
  child = fork();
  if (child == 0) {
    sleep_ms(60000);
    leave(0);
  }
  int status = 0;
  INTERRUPTED(0, __NR_wait4, child, &status, 0, 0);
  end_child();
}

static void eventfd_plain(void) {
  long event = sys(eventfd2, 0, 0), value = 0;
  INTERRUPTED(0, __NR_read, event, &value, 8);
}

/* ------------------------------------------------------- no handler: always once more */

static void stopped(long number, long a, long b, long c, long d) {
  one_cpu();
  volatile int *shared = map_shared(4096);
  sys(pipe2, ends, 0);
  long pid = fork();
  if (pid == 0) {
    shared[0] = 1;
    long result = syscall6(number, number == __NR_read ? ends[0] : a, b, c, d, 0, 0);
    shared[1] = result;
    leave(3);
  }
  while (!shared[0]) yield();
  sleep_ms(1);
  sys(kill, pid, SIGSTOP);
  say_status("child", wait_for(pid));
  sys(kill, pid, SIGCONT);
  sleep_ms(1);
  sys(write, ends[1], "x", 1);
  say_status("child", wait_for(pid));
  say("%e", (long)shared[1]);
}

static void read_stopped(void) { stopped(__NR_read, 0, (long)&byte, 1, 0); }

static void nanosleep_stopped(void) {
  static struct __kernel_timespec time = {0, 60000000};
  stopped(__NR_nanosleep, (long)&time, 0, 0, 0);
}

const struct row restart_rows[] = {
    {"restart.read-plain", "read(2) of a pipe, without SA_RESTART", HANDLE, read_plain},
    {"restart.read", "read(2) of a pipe, SA_RESTART", HANDLE, read_again},
    {"restart.eventfd-plain", "read(2) of an eventfd, without SA_RESTART", HANDLE, eventfd_plain},
    {"restart.futex-plain", "futex(2) wait, without SA_RESTART", HANDLE, futex_plain},
    {"restart.futex", "futex(2) wait, SA_RESTART", HANDLE, futex_again},
    {"restart.futex-timeout", "futex(2) wait with a time limit, SA_RESTART", HANDLE, futex_timeout},
    {"restart.nanosleep", "nanosleep(2), SA_RESTART", HANDLE, nanosleep},
    {"restart.clock-nanosleep", "clock_nanosleep(2), SA_RESTART", HANDLE, clock_nanosleep},
#ifdef __NR_poll
    {"restart.poll", "poll(2), SA_RESTART", HANDLE, poll},
    {"restart.pause", "pause(2), SA_RESTART", HANDLE, pause},
#endif
    {"restart.wait4", "wait4(2), SA_RESTART", HANDLE, wait_again},
    {"restart.wait4-plain", "wait4(2), without SA_RESTART", HANDLE, wait_plain},
    {"restart.read-stopped", "SIGSTOP and SIGCONT while read(2) waits", NO_HANDLER, read_stopped},
    {"restart.nanosleep-stopped", "SIGSTOP and SIGCONT while nanosleep(2) sleeps", NO_HANDLER, nanosleep_stopped},
    {0},
};
