/* The ground that everything else stands on: futex, clone, wait4, memory, affinity. */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time_types.h>

#define FUTEX "kernel/futex/syscalls.c"
#define CLONE "kernel/fork.c copy_process"
#define EXIT "kernel/exit.c"
#define MM "mm/mmap.c"
#define SCHED "kernel/sched/syscalls.c"

static struct thread other, third;
static volatile int word, woken;
static struct __kernel_timespec five_ms = {0, 5000000};

static long futex(volatile int *at, long operation, long value, void *time, volatile int *at_2, long value_3) {
  return sys(futex, at, operation, value, time, at_2, value_3);
}

/* ----------------------------------------------------------------------- futex */

static void futex_errors(void) {
  say("another value %e", futex(&word, FUTEX_WAIT, 1, 0, 0, 0));
  say("timed out %e", futex(&word, FUTEX_WAIT, 0, &five_ms, 0, 0));
  say("nobody to wake %e", futex(&word, FUTEX_WAKE, 1, 0, 0, 0));
  say("not aligned %e", futex((volatile int *)((char *)&word + 1), FUTEX_WAIT, 0, 0, 0, 0));
  say("unmapped %e", futex((volatile int *)0x10000, FUTEX_WAIT, 0, 0, 0, 0));
  say("bitset 0 %e", futex(&word, FUTEX_WAIT_BITSET, 0, 0, 0, 0));
  say("unknown %e", futex(&word, 100, 0, 0, 0, 0));
  struct __kernel_timespec wrong = {0, 1000000000};
  say("time %e", futex(&word, FUTEX_WAIT, 0, &wrong, 0, 0));
}

static volatile int waiting;
static void waits(void *unused) {
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  if (futex(&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0) == 0) __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
}

/* How many a wake has found; threads that do not wait yet are not found: asked until all are. */
static void futex_wakes(void) {
  start(&other, waits, 0);
  start(&third, waits, 0);
  long found = 0, calls = 0;
  while (found < 2) {
    long one = futex(&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    found += one;
    calls += one != 0;
    if (!one) yield();
  }
  join(&other);
  join(&third);
  say("%d found in %d calls, %d woken", found, calls, (long)woken);
}

static volatile int second_word;
static void futex_requeue(void) {
  start(&other, waits, 0);
  long moved = 0;
  while (!moved) {
    moved = futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, &second_word, 0);
    if (!moved) yield();
  }
  say("moved %e", moved);
  say("another value %e", futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)1, &second_word, 5));
  say("first word %e", futex(&word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
  say("second word %e", futex(&second_word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0));
  join(&other);
}

/* Between processes, in shared memory. */
static void futex_shared(void) {
  volatile int *shared = map_shared(4096);
  long pid = fork();
  if (pid == 0) leave(futex(shared, FUTEX_WAIT, 0, 0, 0, 0) == 0 ? 3 : 4);
  while (futex(shared, FUTEX_WAKE, 1, 0, 0, 0) != 1) yield();
  say_status("child", wait_for(pid));
}

/* -------------------------------------------------------------- clone and wait4 */

static void clone_errors(void) {
  say("SIGHAND without VM %e", sys(clone, CLONE_SIGHAND, 0, 0, 0, 0));
  say("THREAD without SIGHAND %e", sys(clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0));
  say("FS with NEWNS %e", sys(clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0));
}

static volatile int seen_pid, seen_parent, seen_tid;
static void note_ids(void *unused) {
  seen_pid = sys(getpid);
  seen_tid = sys(gettid);
  seen_parent = sys(getppid);
}

static void ids(void) {
  long process = sys(getpid);
  say("first thread: %s", sys(gettid) == process ? "tid = pid" : "tid differs");
  start(&other, note_ids, 0);
  join(&other);
  say("thread: %s, %s", seen_pid == process ? "same pid" : "another pid", seen_tid == process ? "same tid" : "another tid");
  long pid = clone_with(CLONE_VM | CLONE_VFORK | SIGCHLD, &other, note_ids, 0);
  wait_for(pid);
  say("child: %s, parent %s", seen_pid == pid && seen_tid == pid ? "pid and tid as returned" : "wrong", seen_parent == process ? "right" : "wrong");
}

static void ends_process(void *unused) { leave(5); }
static void exit_group(void) {
  long pid = fork();
  if (pid == 0) {
    start(&other, ends_process, 0);
    for (;;) sleep_ms(1000);
  }
  say_status("child", wait_for(pid));
}

static void first_thread_ends(void) {
  long pid = fork();
  if (pid == 0) {
    start(&other, ends_process, 0);
    sys(exit, 6);
  }
  say_status("child", wait_for(pid));
}

static long ending(int status) {
  long pid = fork();
  if (pid == 0) leave(status);
  return pid;
}

static void statuses(void) {
  int status = 0;
  long pid = ending(3);
  sys(wait4, pid, &status, 0, 0);
  say("exit %x", (u64)status);
  pid = fork();
  if (pid == 0)
    for (;;) sleep_ms(1000);
  say("runs %e", sys(wait4, pid, &status, WNOHANG, 0));
  sys(kill, pid, SIGSTOP);
  sys(wait4, pid, &status, WUNTRACED, 0);
  say("stopped %x", (u64)status);
  say("once %e", sys(wait4, pid, &status, WUNTRACED | WNOHANG, 0));
  sys(kill, pid, SIGCONT);
  sys(wait4, pid, &status, WCONTINUED, 0);
  say("continued %x", (u64)status);
  sys(kill, pid, SIGTERM);
  sys(wait4, pid, &status, 0, 0);
  say("killed %x", (u64)status);
  say("gone %e", sys(wait4, pid, &status, 0, 0));
  say("option %e", sys(wait4, -1, &status, 1 << 20, 0));
}

static void any_child(void) {
  long first = ending(1), second = ending(2);
  int status, sum = 0;
  for (int i = 0; i < 2; i++) {
    long pid = sys(wait4, -1, &status, 0, 0);
    sum += pid == first ? 10 * (status >> 8) : pid == second ? 100 * (status >> 8) : 0;
  }
  say("%d", (long)sum);
  say("%e", sys(wait4, -1, &status, 0, 0));
}

#ifdef __NR_fork
#define FORK sys(fork)
#else
#define FORK fork()
#endif

static void orphan(void) {
  int ends[2];
  sys(pipe2, ends, 0);
  long pid = fork();
  if (pid == 0) {
    long process = sys(getpid);
    if (FORK == 0) {
      while (sys(getppid) == process) yield();
      sys(write, ends[1], "x", 1);
    }
    leave(0);
  }
  wait_for(pid);
  char byte = 0;
  say("%e", sys(read, ends[0], &byte, 1));
}

/* ---------------------------------------------------------------------- memory */

static void maps(void) {
  char *pages = map(4 * 4096);
  pages[4096] = 7;
  say("munmap in the middle %e", sys(munmap, pages + 4096, 4096));
  say("mprotect over a hole %e", sys(mprotect, pages, 4 * 4096, PROT_READ));
  say("mprotect not aligned %e", sys(mprotect, pages + 1, 4096, PROT_READ));
  say("munmap not aligned %e", sys(munmap, pages + 1, 4096));
  say("munmap of nothing %e", sys(munmap, pages + 4096, 4096));
  say("length 0 %e", sys(mmap, 0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  say("neither shared nor private %e", sys(mmap, 0, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
  say("fixed %s", sys(mmap, pages + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (long)pages + 4096 ? "there" : "elsewhere");
  say("byte %d", (long)pages[4096]);
  say("occupied %e", sys(mmap, pages, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0));
}

static void brk(void) {
  long first = sys(brk, 0);
  say("grown %s", sys(brk, first + 8192) == first + 8192 ? "yes" : "no");
  ((volatile char *)first)[8000] = 1;
  say("shrunk %s", sys(brk, first) == first ? "yes" : "no");
  say("too low %s", sys(brk, 1) == first ? "refused" : "done");
}

static void fork_copies(void) {
  volatile int *private = map(4096), *shared = map_shared(4096);
  *private = *shared = 1;
  long pid = fork();
  if (pid == 0) {
    *private = *shared = 2;
    leave(0);
  }
  wait_for(pid);
  say("private %d, shared %d", (long)*private, (long)*shared);
}

/* -------------------------------------------------------------------- scheduling */

static void affinity(void) {
  u64 none[128] = {0};
  long bytes = sys(sched_getaffinity, 0, sizeof none, none);
  say("getaffinity %s", bytes > 0 && bytes % 8 == 0 ? "whole words" : "something else");
  say("too short %e", sys(sched_getaffinity, 0, 4, none));
  for (int i = 0; i < 128; i++) none[i] = 0;
  say("no CPU %e", sys(sched_setaffinity, 0, sizeof none, none));
  say("nobody %e", sys(sched_setaffinity, 1 << 30, sizeof none, none));
  int cpu = one_cpu();
  say("runs %s", current_cpu() == cpu ? "there" : "elsewhere");
  long pid = fork();
  if (pid == 0) leave(current_cpu() == cpu ? 0 : 1);
  say_status("child", wait_for(pid));
}

static void clocks(void) {
  struct __kernel_timespec first, second;
  sys(clock_gettime, 1, &first);
  sleep_ms(5);
  sys(clock_gettime, 1, &second);
  long passed = (second.tv_sec - first.tv_sec) * 1000 + (second.tv_nsec - first.tv_nsec) / 1000000;
  say("slept %s", passed >= 5 ? "long enough" : "too short");
  struct __kernel_timespec wrong = {0, 1000000000}, negative = {-1, 0};
  say("%e", sys(nanosleep, &wrong, 0));
  say("%e", sys(nanosleep, &negative, 0));
  say("no such clock %e", sys(clock_gettime, 100, &first));
  say("bad address %e", sys(clock_gettime, 1, (void *)0x10));
}

static void unknown_calls(void) {
  say("%e", syscall6(1 << 20, 0, 0, 0, 0, 0, 0));
  say("%e", syscall6(-1, 0, 0, 0, 0, 0, 0));
}

const struct row basic_rows[] = {
    {"futex.errors", "what futex(2) refuses", FUTEX, futex_errors},
    {"futex.wake", "two wait, woken one by one", FUTEX, futex_wakes},
    {"futex.requeue", "CMP_REQUEUE", FUTEX, futex_requeue},
    {"futex.shared", "between processes", FUTEX, futex_shared},
    {"clone.errors", "flags that do not go together", CLONE, clone_errors},
    {"clone.ids", "pid, tid and parent", CLONE, ids},
    {"process.exit-group", "a thread ends the process", EXIT, exit_group},
    {"process.first-thread", "the first thread ends before the others", EXIT, first_thread_ends},
    {"process.statuses", "wait4(2)", EXIT, statuses},
    {"process.any-child", "wait4(-1)", EXIT, any_child},
    {"process.orphan", "a process whose parent has ended", EXIT, orphan},
    {"memory.map", "mmap(2), munmap(2), mprotect(2)", MM, maps},
    {"memory.brk", "brk(2)", MM, brk},
    {"memory.fork", "private and shared memory after fork(2)", MM, fork_copies},
    {"cpu.affinity", "sched_setaffinity(2)", SCHED, affinity},
    {"time.clocks", "nanosleep(2), clock_gettime(2)", "kernel/time/hrtimer.c", clocks},
    {"call.unknown", "numbers that there are not", "arch/x86/entry/syscall_64.c", unknown_calls},
    {0},
};
