#include "traced.h"

static struct thread threads[3];
static void quiet(void *argument) { (void)argument; }
static long tracer_of_all;
static void births(void) {
  int status;
  long pid = call(fork);
  if (pid == 0) leave(1);
  call(wait4, pid, &status, 0, 0);
  pid = call(vfork);
  if (pid == 0) call(exit, 2);
  call(wait4, pid, &status, 0, 0);
  start(&threads[0], quiet, 0);
  join(&threads[0]);
  leave(3);
}
static char *program;
static void into_another(void *argument) {
  char *arguments[] = {program, "execs", "inside", 0}, *environment[] = {0};
  call(execve, program, arguments, environment);
  leave(50);
}
static void execs(void) { into_another(0); }
static void execs_thread(void) {
  start(&threads[0], into_another, 0);
  for (;;) call(pause);
}
static void three(void) {
  start(&threads[0], quiet, 0);
  join(&threads[0]);
  leave(4);
}

static long message(long pid) {
  long value = -1;
  trace(PTRACE_GETEVENTMSG, pid, 0, &value);
  return value;
}
/* Lets one tracee go on until it ends, and says what it stops for. `known`: tracees by their order of birth. */
static long known[8];
static int births_known;
static const char *name_of(long pid) {
  static char names[8][2];
  for (int n = 0; n < births_known; n++)
    if (known[n] == pid) {
      names[n][0] = 'A' + n;
      return names[n];
    }
  return "?";
}
static int one(long pid) {
  int status = 0;
  if (call(wait4, pid, &status, WALL, 0) != pid) return 0;
  if ((status & 0xff) != 0x7f) {
    if (status & 0x7f) say("%s killed by %d", name_of(pid), status & 0x7f);
    else say("%s exited %d", name_of(pid), status >> 8);
    return 0;
  }
  int event = status >> 16, signal = status >> 8 & 0xff;
  if (event >= 1 && event <= 3) {
    long born = message(pid);
    known[births_known++] = born;
    say("%s: event %d: %s is born", name_of(pid), event, name_of(born));
  } else if (event == 5) say("%s: event 5 of %s", name_of(pid), name_of(message(pid)));
  else if (event == 4) say("%s: event 4, was %s", name_of(pid), name_of(message(pid)));
  else if (event == 6) say("%s: event 6, status %lx", name_of(pid), message(pid));
  else say("%s: signal %d event %d", name_of(pid), signal, event);
  struct info info = stop_info(pid);
  struct regs regs = registers(pid);
  say("  signo %d code %x own %d orig %ld ax %ld", info.signo, info.code, info.pid == pid, event ? regs.orig_ax : 0, event ? regs.ax : 0);
  return event ? -event : signal;
}
static long traced(void (*run)(void), long options) {
  long pid = tracee(run);
  births_known = 0;
  known[births_known++] = pid;
  one(pid);
  say("options %ld", trace(PTRACE_SETOPTIONS, pid, 0, options));
  return pid;
}

PART(events) {
  program = given[0];
  /* fork, vfork, vfork done, clone, exit: the child is let go first */
  long pid = traced(births, 2 | 4 | 8 | 32 | 64);
  for (;;) {
    trace(PCONT, pid);
    int what = one(pid);
    if (what == 0) break;
    if (what == -1 || what == -2 || what == -3) {
      long born = known[births_known - 1];
      if (one(born) != STOP) say("?");
      trace(PCONT, born);
      if (one(born) == -6) trace(PCONT, born);
      one(born);
    }
    if (what == -1) trace(PCONT, pid), one(pid); /* SIGCHLD of the child */
    if (what == -2) trace(PCONT, pid), one(pid), trace(PCONT, pid), one(pid);
  }
  /* execve: as an event and as a plain SIGTRAP; by another thread */
  pid = traced(execs, 16);
  trace(PCONT, pid), one(pid), trace(PCONT, pid), one(pid);
  pid = traced(execs, 0);
  trace(PCONT, pid), one(pid), trace(PCONT, pid), one(pid);
  pid = traced(execs_thread, 16 | 8);
  trace(PCONT, pid), one(pid);
  one(known[1]), trace(PCONT, pid), until(pid, pid, 'S'), trace(PCONT, known[1]);
  one(pid), trace(PCONT, pid), one(pid);
  /* the tracer of a thread that ended is told, its process's parent of the whole */
  pid = traced(three, 8);
  trace(PCONT, pid), one(pid);
  long thread = known[1];
  one(thread), trace(PCONT, thread), one(thread);
  trace(PCONT, pid), one(pid);
  /* a tracer that ends lets its tracees go, or kills them */
  for (int kill = 0; kill < 2; kill++) {
    int ends[2];
    char byte;
    call(pipe, ends);
    pid = call(fork);
    if (pid == 0) {
      call(close, ends[0]);
      for (;;) call(pause);
    }
    call(close, ends[1]);
    long tracer = call(fork);
    if (tracer == 0) {
      say("seize %ld", trace(PTRACE_SEIZE, pid, 0, kill ? 1 << 20 : 0));
      leave(0);
    }
    int status;
    call(wait4, tracer, &status, 0, 0);
    if (!kill) call(kill, pid, TERM);
    told(kill ? "killed with its tracer" : "let go", pid);
    call(close, ends[0]);
  }
}

static volatile int word;
static void waits(void) {
  for (;;) call(futex, &word, FUTEX_WAIT, 0, 0);
}
static int caught;
static void catch(int signal) { caught = signal; }

PART(seize) {
  int status;
  long pid = call(fork);
  if (pid == 0) waits();
  until(pid, pid, 'S');
  say("seize: with an address %ld, with options %ld, %ld", trace(PTRACE_SEIZE, pid, 1, 0), trace(PTRACE_SEIZE, pid, 0, 1 << 30), trace(PTRACE_SEIZE, pid, 0, 1));
  say("running still: %ld, peek %ld", call(wait4, pid, &status, NOHANG | WALL, 0), trace(PEEKDATA, pid, &word, &word) == 0);
  say("interrupt %ld", trace(PTRACE_INTERRUPT, pid));
  told("interrupted", pid);
  struct info info = stop_info(pid);
  struct regs regs = registers(pid);
  say("signo %d code %x; in futex %ld which returned %ld", info.signo, info.code, regs.orig_ax, regs.ax);
  /* interrupted twice at once: one trap; while stopped: one more after it */
  trace(PCONT, pid);
  until(pid, pid, 'S');
  trace(PTRACE_INTERRUPT, pid), trace(PTRACE_INTERRUPT, pid);
  told("interrupted", pid);
  trace(PTRACE_INTERRUPT, pid);
  trace(PCONT, pid);
  told("once more", pid);
  trace(PCONT, pid);
  /* a group stop */
  call(kill, pid, STOP);
  told("signal", pid);
  trace(PCONT, pid, 0, STOP);
  told("group stop", pid);
  say("siginfo %ld listen %ld", trace(PTRACE_GETSIGINFO, pid, 0, &info), trace(PTRACE_LISTEN, pid));
  say("listening: peek %ld, wait %ld", trace(PEEKDATA, pid, &word, &word), call(wait4, pid, &status, NOHANG | WALL, 0));
  call(kill, pid, CONT);
  told("woken", pid);
  info = stop_info(pid);
  say("signo %d code %x", info.signo, info.code);
  trace(PCONT, pid);
  told("signal", pid);
  trace(PCONT, pid, 0, CONT);
  until(pid, pid, 'S');
  trace(PTRACE_INTERRUPT, pid);
  told("interrupted", pid);
  say("detach %ld", trace(DETACH, pid, 0, 0));
  until(pid, pid, 'S');
  /* attach to one that runs, and to one that is stopped */
  say("attach %ld", trace(ATTACH, pid));
  told("attached", pid);
  say("interrupt %ld, detach with SIGSTOP %ld", trace(PTRACE_INTERRUPT, pid), trace(DETACH, pid, 0, STOP));
  status = 0;
  say("stops %d %x", call(wait4, pid, &status, UNTRACED, 0) == pid, status);
  say("attach %ld", trace(ATTACH, pid));
  told("attached", pid);
  trace(PCONT, pid);
  told("its SIGSTOP", pid);
  trace(PCONT, pid);
  until(pid, pid, 'S');
  call(kill, pid, CONT);
  told("signal", pid);
  say("detach %ld", trace(DETACH, pid, 0, CONT));
  until(pid, pid, 'S');
  /* stopped again: the tracer sees it, and the parent (itself) does not see it twice */
  call(kill, pid, STOP);
  status = 0;
  say("stopped %d", call(wait4, pid, &status, UNTRACED, 0) == pid);
  say("seize %ld", trace(PTRACE_SEIZE, pid, 0, 0));
  told("group stop", pid);
  say("nothing more %ld", call(wait4, pid, &status, NOHANG | WALL | UNTRACED, 0));
  call(kill, pid, CONT);
  trace(PCONT, pid);
  told("woken", pid);
  trace(PCONT, pid);
  told("signal", pid);
  call(kill, pid, KILL);
  told("ends", pid);
  /* another than the parent traces: the tracer sees the end first, then the parent */
  pid = call(fork);
  if (pid == 0) {
    handle(USR1, catch, 0);
    while (!caught) call(pause);
    leave(caught);
  }
  until(pid, pid, 'S');
  long tracer = call(fork);
  if (tracer == 0) {
    say("seize %ld", trace(PTRACE_SEIZE, pid, 0, 0));
    call(kill, pid, USR1);
    told("tracer: signal", pid);
    trace(PCONT, pid, 0, USR1);
    told("tracer: ends", pid);
    leave(0);
  }
  call(wait4, tracer, &status, 0, 0);
  told("parent: ends", pid);
}

static char text[8192] __attribute__((aligned(4096)));
PART(memory) {
  struct vec {
    void *base;
    ulong size;
  } here[2], there[2];
  char buffer[8];
  for (int n = 0; n < 8; n++) text[4092 + n] = 'a' + n;
  long pid = call(fork);
  if (pid == 0) {
    text[4092] = 'X';
    raise_(STOP);
    leave(text[4095]);
  }
  int status;
  call(wait4, pid, &status, UNTRACED, 0);
  here[0] = (struct vec){buffer, 3}, here[1] = (struct vec){buffer + 3, 5};
  there[0] = (struct vec){text + 4092, 6}, there[1] = (struct vec){text + 4098, 2};
  say("read %ld %x%x", call(process_vm_readv, pid, here, 2, there, 2, 0), buffer[0], buffer[7]);
  there[1].base = (void *)8;
  say("partly %ld", call(process_vm_readv, pid, here, 2, there, 2, 0));
  there[0].base = (void *)8;
  say("nowhere %ld, here nowhere %ld", call(process_vm_readv, pid, here, 2, there, 2, 0), (here[0].base = (void *)8, there[0].base = text, call(process_vm_readv, pid, here, 1, there, 1, 0)));
  say("flags %ld, too many %ld, nobody %ld, nothing %ld", call(process_vm_readv, pid, here, 1, there, 1, 1), call(process_vm_readv, pid, here, 1025, there, 1, 0), (here[0].base = buffer, call(process_vm_readv, 999999, here, 1, there, 1, 0)), call(process_vm_readv, 999999, here, 0, there, 1, 0));
  buffer[3] = 'z';
  here[0] = (struct vec){buffer, 4}, there[0] = (struct vec){text + 4092, 4};
  say("write %ld", call(process_vm_writev, pid, here, 1, there, 1, 0));
  call(kill, pid, CONT);
  call(wait4, pid, &status, 0, 0);
  say("seen %d", status >> 8 == 'z');
}
