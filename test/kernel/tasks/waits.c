#include "tiny.h"

static volatile int told;
static void child_says(int signal, struct info *info) {
  say("SIGCHLD: code %d status %x", info->code, info->status);
  told++;
}
static const char *kind(int status) {
  return status == 0xffff ? "continued" : (status & 0xff) == 0x7f ? "stopped" : (status & 0x7f) ? "killed" : "exited";
}
static long wait_print(const char *what, long pid, long options) {
  int status = 0x5555;
  long got = call(wait4, pid, &status, options, 0);
  if (got > 0) say("%s: %s %x", what, kind(status), status & ~0x80);
  else say("%s: %ld", what, got);
  return got;
}
/* Nobody is told before the signal's handler has run. */
static void told_all(int n) {
  while (told < n) nap(MS);
  told = 0;
}

PART(stops) {
  handle(CHLD, child_says, SIGINFO | RESTART);
  int gate[2];
  char byte;
  call(pipe, gate);
  long child = call(fork);
  if (child == 0) {
    handle(CHLD, 0, 0);
    for (;;) call(pause);
  }
  call(kill, child, STOP);
  wait_print("stop", child, 2), told_all(1);
  wait_print("again", child, 2 | 1);
  call(kill, child, STOP), call(kill, child, TERM);
  wait_print("stopped already", child, 2 | 1);
  /* It goes on and ends: SIGCHLD may come once or twice. */
  handle(CHLD, 0, 0);
  call(kill, child, CONT);
  wait_print("and killed by what waited", child, 0);
  wait_print("none left", child, 0);
  handle(CHLD, child_says, SIGINFO | RESTART);

  child = call(fork);
  if (child == 0) {
    handle(CHLD, 0, 0);
    block(BIT(CONT));
    raise_(STOP);
    ulong pending;
    call(rt_sigpending, &pending, 8);
    leave(pending == BIT(CONT) ? 5 : 6);
  }
  wait_print("stops itself", child, 2), told_all(1);
  handle(CHLD, 0, 0);
  call(kill, child, CONT);
  wait_print("goes on", child, 0), wait_print("and ends", child, 8);
  /* SA_NOCLDSTOP */
  handle(CHLD, child_says, SIGINFO | RESTART | NOCLDSTOP);
  child = call(fork);
  if (child == 0) {
    raise_(STOP);
    leave(0);
  }
  wait_print("not told", child, 2);
  call(kill, child, KILL);
  wait_print("killed when stopped", child, 0), told_all(1);

  /* all threads stop, also those in a call, which goes on */
  child = call(fork);
  if (child == 0) {
    static struct thread threads[2];
    static volatile int word;
    extern void part_stops_thread(void *);
    start(&threads[0], part_stops_thread, (void *)&word);
    start(&threads[1], part_stops_thread, (void *)&word);
    until(self(), threads[0].tid, 'S'), until(self(), threads[1].tid, 'S');
    raise_(STOP);
    set(&word, 1);
    join(&threads[0]), join(&threads[1]);
    leave(9);
  }
  wait_print("three threads", child, 2);
  call(kill, child, CONT);
  wait_print("end", child, 0), told_all(1);
  /* one that is continued tells so, while it waits */
  handle(CHLD, child_says, SIGINFO | RESTART);
  child = call(fork);
  if (child == 0)
    for (;;) call(pause);
  call(kill, child, STOP), wait_print("stops", child, 2), told_all(1);
  call(kill, child, CONT), told_all(1), wait_print("continued", child, 8);
  wait_print("once", child, 8 | 1);
  call(kill, child, KILL), wait_print("killed", child, 0), told_all(1);
  /* SIGTSTP does nothing in an orphaned group */
  child = call(fork);
  if (child == 0) {
    call(setsid);
    raise_(TSTP);
    leave(4);
  }
  wait_print("orphaned group", child, 2), told_all(1);
  /* SIGCONT removes a stop signal that waits, and the other way round */
  block(BIT(TSTP) | BIT(CONT));
  ulong pending;
  raise_(TSTP), call(rt_sigpending, &pending, 8);
  say("pending %lx", pending);
  raise_(CONT), call(rt_sigpending, &pending, 8);
  say("pending %lx", pending);
  raise_(TSTP), call(rt_sigpending, &pending, 8);
  say("pending %lx", pending);
}
void part_stops_thread(void *word) { await(word, 1); }

PART(waits) {
  int status, usage[36];
  struct info info;
  say("no children: %ld %ld", call(wait4, -1, &status, 0, 0), call(waitid, 0, 0, &info, 4, 0));
  say("wrong: %ld %ld %ld %ld %ld", call(wait4, -1, &status, 64, 0), call(wait4, -0x80000000l, &status, 0, 0), call(waitid, 0, 0, &info, 0, 0), call(waitid, 9, 0, &info, 4, 0), call(waitid, 1, 0, &info, 4, 0));
  long first = call(fork);
  if (first == 0) leave(11);
  long second = call(fork);
  if (second == 0) leave(22);
  zero(&info, sizeof info);
  long got = call(waitid, 1, second, &info, 4 | 0x1000000, usage);
  say("left: %ld signo %d code %d status %d pid %d", got, info.signo, info.code, info.status, info.pid == second);
  got = call(waitid, 1, second, &info, 4, usage);
  say("taken: %ld status %d; again %ld", got, info.status, call(waitid, 1, second, &info, 4, 0));
  got = call(wait4, -1, &status, 0, usage);
  say("any: %d status %x", got == first, status);
  long child = call(fork);
  if (child == 0) {
    call(setpgid, 0, 0);
    nap(20 * MS);
    leave(33);
  }
  call(setpgid, child, child);
  say("group: %ld %ld", call(wait4, 0, &status, 1, 0), call(wait4, -child, &status, 1, 0));
  zero(&info, sizeof info), info.signo = 7;
  got = call(waitid, 2, child, &info, 4 | 1, 0);
  say("not yet: %ld signo %d", got, info.signo);
  got = call(waitid, 2, child, &info, 4, 0);
  say("group: %ld status %d code %d", got, info.status, info.code);
  /* children of clone: another exit signal */
  static char stack[8192] __attribute__((aligned(16)));
  extern void part_waits_child(void *);
  handle(USR1, child_says, SIGINFO);
  told = 0;
  child = spawn(CLONE_VM | USR1, stack + sizeof stack, 0, 0, 0, part_waits_child, 0);
  say("plain %ld, clone's %d", call(wait4, child, &status, 0, 0), call(wait4, child, &status, 0x80000000, 0) == child);
  told_all(1);
  child = spawn(CLONE_VM, stack + sizeof stack, 0, 0, 0, part_waits_child, 0);
  say("all %d status %x", call(wait4, -1, &status, 0x40000000, 0) == child, status);
  /* CLONE_PARENT: a brother */
  int gate[2];
  call(pipe, gate);
  child = call(fork);
  if (child == 0) {
    long brother = call(clone, CLONE_PARENT | CHLD, 0, 0, 0, 0);
    if (brother == 0) leave(44);
    leave(call(wait4, brother, &status, 0, 0) == -10 ? 55 : 1);
  }
  call(wait4, child, &status, 0, 0);
  say("child %x", status);
  got = call(wait4, -1, &status, 0, 0);
  say("its brother %d %x", got > 0 && got != child, status);
  /* no zombies */
  handle(CHLD, (void *)1, 0);
  child = call(fork);
  if (child == 0) leave(1);
  say("ignored: %ld", call(wait4, child, &status, 0, 0));
  handle(CHLD, child_says, SIGINFO | NOCLDWAIT | RESTART);
  told = 0;
  child = call(fork);
  if (child == 0) leave(66);
  say("SA_NOCLDWAIT: %ld", call(wait4, child, &status, 0, 0));
  told_all(1);
  handle(CHLD, 0, 0);
  child = call(fork);
  if (child == 0) {
    ulong all = ~0ul;
    call(rt_sigprocmask, 2, &all, 0, 8);
    handle(SEGV, part_waits_child, 0);
    *(volatile int *)8 = 1;
  }
  wait_print("a blocked fault", child, 0);
}
PART(orphans) {
  int status, gate[2];
  long child, got;
  /* orphans: to init, or to who wants them */
  call(prctl, 36, 1, 0, 0, 0);
  child = call(fork);
  if (child == 0) {
    if (call(fork) == 0) {
      while (call(getppid) == self() - 1) nap(MS);
      nap(20 * MS);
      leave(77);
    }
    leave(0);
  }
  call(wait4, child, &status, 0, 0);
  got = call(wait4, -1, &status, 0, 0);
  say("orphan: %d %x, and then %ld", got > 0, status, call(wait4, -1, &status, 0, 0));
  /* PR_SET_PDEATHSIG */
  call(pipe, gate);
  child = call(fork);
  if (child == 0) {
    if (call(fork) == 0) {
      call(prctl, 1, TERM, 0, 0, 0);
      call(write, gate[1], "x", 1);
      for (;;) call(pause);
    }
    char byte;
    call(read, gate[0], &byte, 1);
    leave(0);
  }
  call(wait4, child, &status, 0, 0);
  got = call(wait4, -1, &status, 0, 0);
  say("its parent died: %d %x", got > 0, status);
}
void part_waits_child(void *argument) {
  (void)argument;
  call(exit, 8);
}
