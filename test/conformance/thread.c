/* Threads, processes, CPUs. */
#include "thread.h"
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time_types.h>
#include <linux/signal.h>

/* The new thread starts with its function and argument on its stack. */
long clone_with(u64 flags, struct thread *thread, void (*function)(void *), void *argument) {
  u64 *top = thread->stack + sizeof thread->stack / sizeof *thread->stack;
  *--top = 0;
  *--top = 0;
  *--top = (u64)argument;
  *--top = (u64)function;
#ifdef __aarch64__
  register long result asm("x0") = flags;
  register u64 *stack asm("x1") = top;
  register volatile int *tid asm("x2") = &thread->tid;
  register long tls asm("x3") = 0;
  register volatile int *child_tid asm("x4") = &thread->tid;
  register long number asm("x8") = __NR_clone;
  asm volatile("svc #0\n"
               " cbnz x0, 1f\n"
               " mov x29, #0\n"
               " ldp x9, x0, [sp], #16\n"
               " blr x9\n"
               " mov x8, #93\n" /* exit */
               " mov x0, #0\n"
               " svc #0\n"
               "1:"
               : "+r"(result)
               : "r"(stack), "r"(tid), "r"(tls), "r"(child_tid), "r"(number)
               : "memory", "x9", "x30");
#else
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
#endif
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

#ifdef __NR_fork
long fork(void) { return sys(fork); }
#else
long fork(void) { return sys(clone, SIGCHLD); }
#endif

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
