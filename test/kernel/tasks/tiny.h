/* What a program needs without a C library: system calls, lines of output, threads, signal handlers. */
#include <stddef.h>
#include <stdint.h>
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/time_types.h>

typedef unsigned long ulong;

#ifdef __aarch64__
static inline long svc(long n, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
/* What newer architectures have only in a more general form. */
enum { __NR_fork = 100000, __NR_vfork, __NR_pause, __NR_pipe, __NR_open, __NR_alarm };
static inline __attribute__((always_inline)) long call6(long n, long a, long b, long c, long d, long e, long f) {
  long timer[4] = {0, 0, a, 0}, before[4];
  switch (n) {
    case __NR_fork: return svc(__NR_clone, 17, 0, 0, 0, 0, 0);
    case __NR_vfork: return svc(__NR_clone, CLONE_VM | CLONE_VFORK | 17, 0, 0, 0, 0, 0);
    case __NR_pause: return svc(__NR_ppoll, 0, 0, 0, 0, 0, 0);
    case __NR_pipe: return svc(__NR_pipe2, a, 0, 0, 0, 0, 0);
    case __NR_open: return svc(__NR_openat, -100, a, b, c, 0, 0);
    case __NR_alarm: return svc(__NR_setitimer, 0, (long)timer, (long)before, 0, 0, 0) < 0 ? 0 : before[2] + (before[3] > 0);
  }
  return svc(n, a, b, c, d, e, f);
}
#else
static inline long call6(long n, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long value;
  __asm__ volatile("syscall" : "=a"(value) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return value;
}
#endif
#define CALL_(n, a, b, c, d, e, f, ...) call6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define call(n, ...) CALL_(__NR_##n __VA_OPT__(, ) __VA_ARGS__, 0, 0, 0, 0, 0, 0)

static inline void *zero(void *to, size_t size) {
  for (volatile char *at = to; size--;) *at++ = 0;
  return to;
}
static inline size_t length(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}
static inline int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

/* One line, written at once: %d %ld %x %lx %s. What is to be said is found out in the order in which it is said. */
#define say(format, ...) say_(format, (const long[]){0 __VA_OPT__(, ) __VA_ARGS__})
static void say_(const char *format, const long *values) {
  char line[512];
  size_t at = 0;
  for (; *format && at < sizeof line - 40; format++) {
    if (*format != '%') {
      line[at++] = *format;
      continue;
    }
    int wide = *++format == 'l';
    if (wide) format++;
    long given = *++values;
    if (*format == 's') {
      for (const char *text = (const char *)given; *text && at < sizeof line - 40;) line[at++] = *text++;
      continue;
    }
    unsigned base = *format == 'x' ? 16 : 10;
    if (!wide) given = (int)given;
    ulong value = base == 16 && !wide ? (unsigned)given : (ulong)given;
    if (base == 10 && given < 0) line[at++] = '-', value = -value;
    char digits[24];
    int n = 0;
    do digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n) line[at++] = digits[--n];
  }
  line[at++] = '\n';
  call(write, 1, line, at);
}

__attribute__((noreturn)) static void leave(int status) {
  for (;;) call(exit_group, status);
}

/* struct kernel_sigaction, siginfo and ucontext as the kernel has them. */
struct action {
  void *handler;
  ulong flags;
  void *restorer;
  ulong mask;
};
struct info {
  int signo, errno_, code, pad;
  union {
    struct {
      int pid, uid;
      union {
        ulong value;
        struct {
          int status;
        };
      };
    };
    struct {
      int timer, overrun;
      ulong timer_value;
    };
    void *address;
    char rest[112];
  };
};
struct context {
  ulong flags, link;
  struct {
    void *sp;
    int flags, pad;
    ulong size;
  } stack;
#ifdef __aarch64__
  ulong mask;
};
#else
  ulong r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp, ip, eflags;
  unsigned short cs, gs, fs, ss;
  ulong error, trap, oldmask, cr2;
  unsigned char *fp;
  ulong reserved[8];
  ulong mask;
};
#endif
struct altstack {
  void *sp;
  int flags, pad;
  ulong size;
};

enum { HUP = 1, QUIT = 3, ILL = 4, TRAP = 5, ABRT = 6, BUS = 7, FPE = 8, KILL = 9, USR1 = 10, SEGV = 11, USR2 = 12, PIPE = 13, ALRM = 14, TERM = 15, CHLD = 17, CONT = 18, STOP = 19, TSTP = 20, URG = 23, VTALRM = 26, PROF = 27, RT = 40 };
enum { NOCLDSTOP = 1, NOCLDWAIT = 2, SIGINFO = 4, ONSTACK = 0x08000000, RESTART = 0x10000000, NODEFER = 0x40000000, RESETHAND = 0x80000000 };
#define BIT(signal) (1ul << ((signal)-1))

void restorer(void);

static long handle_mask(int signal, void *handler, ulong flags, ulong mask) {
  struct action action = {handler, flags | 0x04000000, restorer, mask};
  return call(rt_sigaction, signal, &action, 0, 8);
}
static inline long handle(int signal, void *handler, ulong flags) { return handle_mask(signal, handler, flags, 0); }
static inline ulong block(ulong set) {
  ulong old;
  call(rt_sigprocmask, 0, &set, &old, 8);
  return old;
}
static inline ulong unblock(ulong set) {
  ulong old;
  call(rt_sigprocmask, 1, &set, &old, 8);
  return old;
}
static inline long self(void) { return call(getpid); }
static inline void raise_(int signal) { call(tgkill, call(getpid), call(gettid), signal); }

/* Threads: clone(2) with a function. */
long spawn(ulong flags, void *stack, int *parent_tid, int *child_tid, void *tls, void (*function)(void *), void *argument);

#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)
struct thread {
  volatile int tid;
  char stack[16384] __attribute__((aligned(16)));
};
static inline long start(struct thread *thread, void (*function)(void *), void *argument) {
  return spawn(THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, thread->stack + sizeof thread->stack, (int *)&thread->tid, (int *)&thread->tid, 0, function, argument);
}
static inline void join(struct thread *thread) {
  int tid;
  while ((tid = thread->tid)) call(futex, &thread->tid, FUTEX_WAIT, tid, 0);
}

/* A word to wait for. */
static inline void set(volatile int *word, int value) {
  __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
  call(futex, word, FUTEX_WAKE, 1 << 30);
}
static inline void await(volatile int *word, int value) {
  int now;
  while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) != value) call(futex, word, FUTEX_WAIT, now, 0);
}
static inline void nap(long ns) {
  struct __kernel_timespec time = {ns / 1000000000, ns % 1000000000};
  while (call(nanosleep, &time, &time) == -4) continue;
}
#define MS 1000000l
/* Until a process, or a thread of it, sleeps in a system call (its state in /proc), or is a zombie. */
static inline void until(long pid, long tid, char wanted) {
  char path[64] = "/proc/", text[256];
  size_t at = 6;
  const long ids[] = {pid, tid};
  for (int n = 0; n < 2; n++) {
    if (n) for (const char *part = "/task/"; *part;) path[at++] = *part++;
    char digits[24];
    int count = 0;
    long id = ids[n];
    do digits[count++] = '0' + id % 10;
    while (id /= 10);
    while (count) path[at++] = digits[--count];
  }
  for (const char *part = "/stat"; *part;) path[at++] = *part++;
  path[at] = 0;
  for (;;) {
    long file = call(open, path, 0), length = file < 0 ? -1 : call(read, file, text, sizeof text - 1);
    if (file >= 0) call(close, file);
    if (length <= 0) return;
    text[length] = 0;
    char *end = text;
    for (char *next = text; *next; next++)
      if (*next == ')') end = next;
    if (end[2] == wanted) return;
    call(sched_yield);
  }
}
static inline long now_(int clock) {
  struct __kernel_timespec time;
  call(clock_gettime, clock, &time);
  return time.tv_sec * 1000000000 + time.tv_nsec;
}

#define PART(name) void part_##name(char **given)
