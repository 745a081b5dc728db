#include "tiny.h"

static char stack[16384] __attribute__((aligned(16)));
static volatile int word, tid_here, tid_there;
static volatile long tls_read;
static void child(void *argument) {
  long value;
#ifdef __aarch64__
  __asm__ volatile("mrs %0, tpidr_el0\n ldr %0, [%0]" : "=r"(value));
#else
  __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
#endif
  tls_read = value;
  word = (int)(long)argument;
}
static void quiet(void *argument) { (void)argument; }

struct clone_args_ {
  ulong flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup, more;
};
static long clone3(struct clone_args_ *arguments, long size) { return call(clone3, arguments, size); }

PART(clones) {
  int status;
  say("thread alone %ld, shared handlers alone %ld", call(clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), call(clone, CLONE_SIGHAND, 0, 0, 0, 0));
  struct clone_args_ arguments = {0};
  say("clone3: small %ld, large %ld, nowhere %ld", clone3(&arguments, 56), clone3(&arguments, 8192), clone3((void *)8, 64));
  arguments.more = 1;
  say("unknown field %ld", clone3(&arguments, sizeof arguments));
  arguments.more = 0, arguments.exit_signal = 65;
  say("signal %ld", clone3(&arguments, 64));
  arguments.exit_signal = CHLD, arguments.flags = CHLD;
  say("signal in the flags %ld", clone3(&arguments, 64));
  arguments.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  say("a thread with a signal %ld", clone3(&arguments, 64));
  arguments.flags = 0, arguments.stack = 8;
  say("a stack without a size %ld", clone3(&arguments, 64));
  arguments.stack = 0, arguments.flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM;
  say("handlers shared and cleared %ld", clone3(&arguments, 64));
  long tls[2] = {4711, 0};
  say("tls out of reach %ld", spawn(CLONE_VM | CLONE_SETTLS | CHLD, stack + sizeof stack, 0, 0, (void *)(1ul << 48), child, 0));
  int here = 0, there = 0;
  long pid = spawn(CLONE_VM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CHLD, stack + sizeof stack, &here, &there, tls, child, (void *)5l);
  call(wait4, pid, &status, 0, 0);
  say("vm: %x word %d tls %ld parent's %d child's %d", status, word, tls_read, here == pid, there == pid);
  /* CHILD_CLEARTID is a futex */
  tid_there = 1;
  pid = spawn(CLONE_VM | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CHLD, stack + sizeof stack, 0, (int *)&tid_there, 0, quiet, 0);
  for (int now; (now = tid_there) != 0;) call(futex, &tid_there, FUTEX_WAIT, now, 0);
  call(wait4, pid, &status, 0, 0);
  say("cleared: %d status %x", tid_there, status);
  /* where it cannot be told, nobody says so */
  pid = call(clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CHLD, 0, 8, 8, 0);
  if (pid == 0) leave(3);
  call(wait4, pid, &status, 0, 0);
  say("nowhere to tell: %x", status);
  /* handlers: shared, copied, cleared */
  handle(USR1, quiet, 0), handle(USR2, (void *)1, 0);
  arguments = (struct clone_args_){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = CHLD};
  pid = clone3(&arguments, 64);
  if (pid == 0) {
    struct action one, two;
    call(rt_sigaction, USR1, 0, &one, 8), call(rt_sigaction, USR2, 0, &two, 8);
    leave((one.handler == 0) + 2 * (two.handler == (void *)1));
  }
  call(wait4, pid, &status, 0, 0);
  say("cleared handlers: %x", status);
  /* vfork: the parent waits, in the same memory */
  word = 0;
  pid = call(vfork);
  if (pid == 0) {
    word = 6;
    call(exit, 7);
  }
  say("vfork: word %d", word);
  call(wait4, pid, &status, 0, 0);
  say("status %x", status);
  /* fork: memory of its own */
  word = 1;
  pid = call(fork);
  if (pid == 0) {
    word = 2;
    leave(word);
  }
  call(wait4, pid, &status, 0, 0);
  say("fork: %x word %d", status, word);
  /* pending signals are not inherited, masks are */
  block(BIT(TERM)), raise_(TERM);
  pid = call(fork);
  if (pid == 0) {
    ulong pending, mask;
    call(rt_sigpending, &pending, 8), call(rt_sigprocmask, 0, 0, &mask, 8);
    leave((pending == 0) + 2 * (mask == BIT(TERM)));
  }
  call(wait4, pid, &status, 0, 0);
  say("child: %x", status);
}

static struct thread threads[8];
static volatile int lock, sum, gate, shared_mask;
static void adder(void *argument) {
  for (int n = 0; n < 200; n++) {
    int old = 0;
    while (!__atomic_compare_exchange_n(&lock, &old, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
      call(futex, &lock, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, 0);
      old = 0;
    }
    sum += (int)(long)argument;
    if (n % 16 == 0) call(sched_yield);
    __atomic_store_n(&lock, 0, __ATOMIC_SEQ_CST);
    call(futex, &lock, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
  }
}
static void leaver(void *argument) {
  (void)argument;
  nap(10 * MS);
  leave(21);
}
static void last(void *argument) {
  (void)argument;
  nap(100 * MS);
  call(exit, 99);
}
static volatile int taker;
static void take(int signal) {
  (void)signal;
  taker = call(gettid);
}
static void blocked_thread(void *argument) {
  (void)argument;
  block(~0ul);
  set(&gate, 1);
  await(&gate, 2);
}
static void open_thread(void *argument) {
  (void)argument;
  unblock(~0ul);
  set(&gate, 1);
  while (taker == 0) nap(MS);
}
static void crasher(void *argument) {
  (void)argument;
  *(volatile int *)8 = 1;
}

PART(threads) {
  for (long n = 0; n < 6; n++) start(&threads[n], adder, (void *)(n + 1));
  for (int n = 0; n < 6; n++) join(&threads[n]);
  say("sum %d", sum);
  /* a signal for the process goes to a thread that takes it */
  handle(USR1, take, 0);
  start(&threads[0], blocked_thread, 0);
  await(&gate, 1);
  call(kill, self(), USR1);
  say("taken by the first thread: %d", taker == call(gettid));
  set(&gate, 2), join(&threads[0]);
  taker = gate = 0;
  block(BIT(USR1));
  start(&threads[0], open_thread, 0);
  int other = threads[0].tid;
  await(&gate, 1);
  call(kill, self(), USR1);
  while (taker == 0) nap(MS);
  say("taken by the other: %d", taker == other);
  join(&threads[0]);
  taker = gate = 0;
  start(&threads[0], blocked_thread, 0);
  await(&gate, 1);
  call(tgkill, self(), threads[0].tid, USR1);
  unblock(BIT(USR1));
  say("for the other alone: taken %d", taker);
  set(&gate, 2), join(&threads[0]);
  say("wrong thread: %ld", call(tgkill, self(), self() + 100000, USR1));
  /* ends */
  int status;
  long child = call(fork);
  if (child == 0) {
    start(&threads[0], leaver, 0);
    for (;;) call(pause);
  }
  call(wait4, child, &status, 0, 0);
  say("another thread ended all: %x", status);
  child = call(fork);
  if (child == 0) {
    start(&threads[0], last, 0);
    call(exit, 23);
  }
  until(child, child, 'Z');
  long early = call(wait4, child, &status, 1, 0);
  call(wait4, child, &status, 0, 0);
  say("the first thread ended first: %ld %x", early, status);
  child = call(fork);
  if (child == 0) {
    start(&threads[0], crasher, 0);
    for (;;) call(pause);
  }
  call(wait4, child, &status, 0, 0);
  say("a thread crashed: %x", status & 0x7f);
  child = call(fork);
  if (child == 0) {
    start(&threads[0], last, 0);
    start(&threads[1], last, 0);
    until(self(), threads[1].tid, 'S');
    call(tgkill, self(), threads[1].tid, KILL);
    for (;;) call(pause);
  }
  call(wait4, child, &status, 0, 0);
  say("a thread was killed: %x", status);
}

static char *program;
static void execer(void *argument) {
  (void)argument;
  char *arguments[] = {program, "execs", "inside", 0}, *environment[] = {"A=b", 0};
  call(execve, program, arguments, environment);
  leave(50);
}
static void idle(void *argument) {
  (void)argument;
  for (;;) call(pause);
}
PART(execs) {
  program = given[0];
  if (given[2]) {
    struct action one, two;
    struct altstack stack;
    ulong mask, pending;
    call(rt_sigaction, USR1, 0, &one, 8), call(rt_sigaction, USR2, 0, &two, 8);
    call(rt_sigprocmask, 0, 0, &mask, 8), call(rt_sigpending, &pending, 8), call(sigaltstack, 0, &stack);
    long threads_now = call(tgkill, self(), self(), 0);
    say("pid is tid %d, first %ld, handlers %ld %ld, mask %lx pending %lx, stack %x, timer %ld", self() == call(gettid), threads_now, (long)one.handler, (long)two.handler, mask, pending, stack.flags, call(timer_delete, 0));
    leave(51);
  }
  int status;
  long child = call(fork);
  if (child == 0) {
    struct altstack stack = {threads[7].stack, 0, 0, 8192};
    call(sigaltstack, &stack, 0);
    handle(USR1, take, 0), handle(USR2, (void *)1, 0);
    block(BIT(TERM)), raise_(TERM);
    int timer;
    call(timer_create, 1, 0, &timer);
    execer(0);
  }
  call(wait4, child, &status, 0, 0);
  say("alone: %x", status);
  child = call(fork);
  if (child == 0) {
    for (int n = 0; n < 3; n++) start(&threads[n], idle, 0);
    execer(0);
  }
  call(wait4, child, &status, 0, 0);
  say("the first of several: %x", status);
  child = call(fork);
  if (child == 0) {
    start(&threads[0], idle, 0);
    start(&threads[1], execer, 0);
    idle(0);
  }
  say("another of several: %d", call(wait4, child, &status, 0, 0) == child);
  say("status %x", status);
  child = call(vfork);
  if (child == 0) execer(0);
  call(wait4, child, &status, 0, 0);
  say("after vfork: %x", status);
  char *none[] = {0};
  say("no file %ld, no program %ld, nowhere %ld", call(execve, "/no/such", none, none), call(execve, "/dev/null", none, none), call(execve, 8, none, none));
}
