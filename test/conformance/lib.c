/* What rows stand on: text, threads, handlers. No C library. */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <linux/time_types.h>

char **arguments;
static u64 *auxiliary;
struct area area;
volatile int inside, stop;
static int parts;

static const char *const ERRNO[] = {
    [EPERM] = "EPERM",   [ENOENT] = "ENOENT", [ESRCH] = "ESRCH",   [EINTR] = "EINTR",   [E2BIG] = "E2BIG",   [EBADF] = "EBADF",
    [ECHILD] = "ECHILD", [EAGAIN] = "EAGAIN", [ENOMEM] = "ENOMEM", [EACCES] = "EACCES", [EFAULT] = "EFAULT", [EBUSY] = "EBUSY",
    [EEXIST] = "EEXIST", [EINVAL] = "EINVAL", [EPIPE] = "EPIPE",   [ENOSYS] = "ENOSYS", [EIO] = "EIO", [ETIMEDOUT] = "ETIMEDOUT",
    [ENXIO] = "ENXIO", [EOPNOTSUPP] = "EOPNOTSUPP",
};

void *memset(void *to, int byte, u64 length) {
  for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = byte;
  return to;
}

void *memcpy(void *to, const void *from, u64 length) {
  for (u64 i = 0; i < length; i++) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
  return to;
}

u64 aux(u64 type) {
  for (u64 *at = auxiliary; at[0]; at += 2)
    if (at[0] == type) return at[1];
  return 0;
}

static char *put_text(char *at, const char *text) {
  while (*text) *at++ = *text++;
  return at;
}

static char *put_number(char *at, u64 value, u64 base) {
  char digits[24];
  int n = 0;
  do digits[n++] = "0123456789abcdef"[value % base];
  while (value /= base);
  while (n) *at++ = digits[--n];
  return at;
}

static char *put_signed(char *at, long value) {
  if (value < 0) *at++ = '-';
  return put_number(at, value < 0 ? -value : value, 10);
}

static char *put_result(char *at, long value) {
  if (value < 0 && value > -(long)(sizeof ERRNO / sizeof *ERRNO) && ERRNO[-value]) return put_text(at, ERRNO[-value]);
  return put_signed(at, value);
}

void say(const char *format, ...) {
  char text[1024], *at = text;
  va_list list;
  va_start(list, format);
  if (parts++) at = put_text(at, "; ");
  for (; *format; format++) {
    if (*format != '%') {
      *at++ = *format;
      continue;
    }
    switch (*++format) {
    case 'd': at = put_signed(at, va_arg(list, long)); break;
    case 'x': at = put_number(put_text(at, "0x"), va_arg(list, u64), 16); break;
    case 's': at = put_text(at, va_arg(list, const char *)); break;
    default: at = put_result(at, va_arg(list, long)); break;
    }
  }
  va_end(list);
  sys(write, 1, text, at - text);
}

void done(void) {
  sys(write, 1, "\n", 1);
  leave(0);
}

void skip(const char *reason) {
  parts = 0;
  say("skipped: %s\n", reason);
  leave(77);
}

void leave(int status) {
  sys(exit_group, status);
  __builtin_unreachable();
}

/* ------------------------------------------------------------------ threads */

/* The new thread starts with its function and argument on its stack. */
long clone_with(u64 flags, struct thread *thread, void (*function)(void *), void *argument) {
  u64 *top = thread->stack + sizeof thread->stack / sizeof *thread->stack;
  *--top = 0;
  *--top = 0;
  *--top = (u64)argument;
  *--top = (u64)function;
  long result;
  register volatile int *child_tid asm("r10") = &thread->tid;
  register long tls asm("r8") = 0;
  asm volatile("syscall\n"
               " test %%rax, %%rax\n"
               " jnz 1f\n"
               " xor %%ebp, %%ebp\n"
               " pop %%rax\n"
               " pop %%rdi\n"
               " call *%%rax\n"
               " mov $60, %%eax\n" /* exit */
               " xor %%edi, %%edi\n"
               " syscall\n"
               "1:"
               : "=a"(result)
               : "a"(__NR_clone), "D"(flags), "S"(top), "d"(&thread->tid), "r"(child_tid), "r"(tls)
               : "rcx", "r11", "memory");
  return result;
}

void start(struct thread *thread, void (*function)(void *), void *argument) {
  long result = clone_with(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID |
                               CLONE_CHILD_CLEARTID,
                           thread, function, argument);
  if (result < 0) {
    say("clone: %e", result);
    done();
  }
}

void join(struct thread *thread) {
  for (int tid; (tid = thread->tid) != 0;)
    sys(futex, &thread->tid, FUTEX_WAIT, tid, 0);
}

long fork(void) { return sys(fork); }

int wait_for(long pid) {
  int status = 0;
  while (sys(wait4, pid, &status, WUNTRACED, 0) == -EINTR);
  return status;
}

const char *signal_name(int number) {
  switch (number) {
  case SIGILL: return "SIGILL";
  case SIGTRAP: return "SIGTRAP";
  case SIGBUS: return "SIGBUS";
  case SIGFPE: return "SIGFPE";
  case SIGKILL: return "SIGKILL";
  case SIGUSR1: return "SIGUSR1";
  case SIGSEGV: return "SIGSEGV";
  case SIGUSR2: return "SIGUSR2";
  case SIGPIPE: return "SIGPIPE";
  case SIGALRM: return "SIGALRM";
  case SIGTERM: return "SIGTERM";
  case SIGCHLD: return "SIGCHLD";
  case SIGCONT: return "SIGCONT";
  case SIGSTOP: return "SIGSTOP";
  case SIGTSTP: return "SIGTSTP";
  default: return "another signal";
  }
}

void say_status(const char *what, int status) {
  if ((status & 0xff) == 0x7f) say("%s stopped by %s", what, signal_name(status >> 8 & 0xff));
  else if (status & 0x7f) say("%s killed by %s", what, signal_name(status & 0x7f));
  else say("%s exits with %d", what, (long)(status >> 8));
}

/* --------------------------------------------------------------------- CPUs */

static u64 allowed[128];

static int is_allowed(int cpu) { return allowed[cpu / 64] >> cpu % 64 & 1; }

/* Which one is the first depends on the process, so that rows run side by side do not all take one. */
int nth_cpu(int n) {
  static int count, first;
  int cpu, cpus = sizeof allowed * 8;
  if (!count) {
    if (sys(sched_getaffinity, 0, sizeof allowed, allowed) < 0) skip("sched_getaffinity is not permitted");
    for (cpu = 0; cpu < cpus; cpu++) count += is_allowed(cpu);
    first = sys(getpid) % count;
  }
  if (n >= count) return -1;
  n = (n + first) % count;
  for (cpu = 0; cpu < cpus; cpu++)
    if (is_allowed(cpu) && n-- == 0) break;
  return cpu;
}

long pin_thread(int tid, int cpu) {
  u64 mask[128] = {0};
  mask[cpu / 64] = 1ul << cpu % 64;
  return sys(sched_setaffinity, tid, sizeof mask, mask);
}

void pin(int cpu) {
  if (pin_thread(0, cpu) < 0) skip("sched_setaffinity is not permitted");
}

int one_cpu(void) {
  int cpu = nth_cpu(0);
  pin(cpu);
  return cpu;
}

void two_cpus(void) {
  if (nth_cpu(1) < 0) skip("needs two CPUs");
}

int current_cpu(void) {
  u32 cpu = -1;
  sys(getcpu, &cpu, 0, 0);
  return cpu;
}

void yield(void) { sys(sched_yield); }

void sleep_ms(long milliseconds) {
  struct __kernel_timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  sys(nanosleep, &time, 0);
}

static void *map_with(u64 length, int flags) {
  return (void *)sys(mmap, 0, length, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
}

void *map(u64 length) { return map_with(length, MAP_PRIVATE); }
void *map_shared(u64 length) { return map_with(length, MAP_SHARED); }

long futex_wait(volatile int *word, int value) { return sys(futex, word, FUTEX_WAIT, value, 0); }
long futex_wake(volatile int *word, int threads) { return sys(futex, word, FUTEX_WAKE, threads); }

/* ------------------------------------------------------------------ signals */

asm(".text\nrestorer:\n mov $15, %eax\n syscall\n"); /* rt_sigreturn */
extern char restorer[];

long on_signal(int number, handler *function, u64 flags) {
  struct {
    handler *function;
    u64 flags;
    void *restorer;
    u64 mask;
  } action = {function, flags | SA_SIGINFO | SA_RESTORER, restorer, 0};
  return sys(rt_sigaction, number, &action, 0, 8);
}

long send_to(int tid, int number) {
  long process = sys(getpid);
  return sys(tgkill, process, tid, number);
}
long block(int how, u64 mask, u64 *old) { return sys(rt_sigprocmask, how, &mask, old, 8); }

void alarm_ms(long first, long interval) {
  struct {
    long interval_s, interval_us, value_s, value_us;
  } timer = {interval / 1000, interval % 1000 * 1000, first / 1000, first % 1000 * 1000};
  sys(setitimer, ITIMER_REAL, &timer, 0);
}

/* --------------------------------------------------------------------- rseq */

SECTION(spin, " movl $1, (%rdx)\n"
              "1: pause\n"
              " cmpl $0, (%rcx)\n"
              " je 1b\n");

void registered(void) {
  long result = rseq(&area, 32, 0, SIGNATURE);
  if (result == 0) return;
  if (result == -ENOSYS) skip("no rseq(2) here");
  say("rseq: %e", result);
  done();
}

static struct thread other;

/* Runs on the CPU of the first thread, so what it sees of that one was there when it lost the CPU. */
static void preempter(void *unused) {
  while (!inside) yield();
  stop = 1;
}

long preempted_inside(struct rseq_cs *cs) {
  one_cpu();
  inside = stop = 0;
  start(&other, preempter, 0);
  long committed = spin(&area, cs, &inside, &stop);
  stop = 1;
  inside = 1;
  join(&other);
  return committed;
}

void preempted_outside(void) {
  one_cpu();
  inside = stop = 0;
  start(&other, preempter, 0);
  inside = 1;
  while (!stop) asm volatile("pause");
  join(&other);
}

/* --------------------------------------------------------------------- main */

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static void list(void) {
  for (const struct row *const *table = tables; *table; table++)
    for (const struct row *row = *table; row->id; row++) {
      parts = 0;
      say("%s\t%s\t%s\n", row->id, row->source, row->description);
    }
}

__attribute__((used)) static void begin(u64 *stack) {
  arguments = (char **)(stack + 1);
  char **at = arguments + stack[0] + 1;
  while (*at++);
  auxiliary = (u64 *)at;
  const char *wanted = stack[0] > 1 ? arguments[1] : "list";
  if (same(wanted, "list")) {
    list();
    leave(0);
  }
  for (const struct row *const *table = tables; *table; table++)
    for (const struct row *row = *table; row->id; row++)
      if (same(row->id, wanted)) {
        row->run();
        done();
      }
  say("no row %s; rows list", wanted);
  sys(write, 1, "\n", 1);
  leave(2);
}

asm(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
