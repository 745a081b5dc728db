/* The time slice extension of Linux 7.0 (Documentation/userspace-api/rseq.rst). */
#include "rows.h"
#include "rseq.h"
#include "thread.h"

#define SLICE "kernel/rseq.c rseq_slice_extension_prctl"
#define GRANT "include/linux/rseq_entry.h rseq_grant_slice_extension"
#define ENTRY "kernel/rseq.c rseq_syscall_enter_work"

#define PR_RSEQ_SLICE_EXTENSION 79
#define GET 1
#define SET 2
#define ENABLE 1

static void slice_unregistered(void) {
  say("get %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0));
  say("set %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, ENABLE, 0, 0));
}

static void slice_legacy(void) {
  registered();
  say("get %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0));
  say("set %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, ENABLE, 0, 0));
}

static void slice_long(void) {
  say("%e", rseq(&area, 64, 0, SIGNATURE));
  say("get %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0));
  say("set %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, ENABLE, 0, 0));
  say("get %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0));
}

static void slice_arguments(void) {
  say("%e", rseq(&area, 64, 0, SIGNATURE));
  say("unknown %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, 3, 0, 0, 0));
  say("get with an argument %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 1, 0, 0));
  say("set 2 %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, 2, 0, 0));
}

static void slice_yield(void) { say("%e", sys(rseq_slice_yield)); }

/* ---------------------------------------------------------------------- grants */

/* slice_ctrl: request is its first byte, granted its second. */
#define REQUEST 1
#define GRANTED 0x100

static struct thread other;

/* Always wants the CPU of the first thread. */
static void wants_cpu(void *unused) {
  while (!stop) yield();
}

/* Ends the row where the kernel has no such thing. */
static void enabled(void) {
  one_cpu();
  rseq(&area, 64, 0, SIGNATURE);
  long result = sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, ENABLE, 0, 0);
  if (result < 0) {
    say("set %e", result);
    done();
  }
  start(&other, wants_cpu, 0);
}

/* Asks until there is a grant. It may be over before it is seen, so whoever needs it looks again. */
static void granted(void) {
  do {
    area.slice = REQUEST;
    while (area.slice == REQUEST) asm volatile("pause");
  } while (area.slice != GRANTED);
}

static void end(void) {
  stop = 1;
  join(&other);
}

static void yields(void) {
  enabled();
  long yielded = 0;
  for (int i = 0; i < 1000 && !yielded; i++) {
    granted();
    yielded = sys(rseq_slice_yield);
  }
  say("yield %e, slice_ctrl %x", yielded, (u64)area.slice);
  say("again %e", sys(rseq_slice_yield));
  end();
}

static void calls(void) {
  enabled();
  granted();
  sys(getpid);
  say("slice_ctrl %x", (u64)area.slice);
  say("yield %e", sys(rseq_slice_yield));
  end();
}

static void expires(void) {
  enabled();
  granted();
  while (area.slice == GRANTED) asm volatile("pause");
  say("slice_ctrl %x", (u64)area.slice);
  end();
}

static void not_asked(void) {
  enabled();
  preempted_outside();
  say("slice_ctrl %x", (u64)area.slice);
  end();
}

static void disabled(void) {
  enabled();
  say("disable %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, 0, 0, 0));
  say("flags %x", (u64)area.flags);
  say("get %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0));
  end();
}

static void flags(void) {
  rseq(&area, 64, 0, SIGNATURE);
  area.flags = 0;
  say("set %e", sys(prctl, PR_RSEQ_SLICE_EXTENSION, SET, ENABLE, 0, 0));
}

const struct row slice_rows[] = {
    {"slice.unregistered", "PR_RSEQ_SLICE_EXTENSION without registration", SLICE, slice_unregistered},
    {"slice.length-32", "the same, registered with 32 bytes", SLICE, slice_legacy},
    {"slice.length-64", "the same, registered with 64 bytes", SLICE, slice_long},
    {"slice.arguments", "the same with wrong arguments", SLICE, slice_arguments},
    {"slice.yield", "rseq_slice_yield(2)", "kernel/rseq.c SYSCALL_DEFINE0(rseq_slice_yield)", slice_yield},
    {"slice.grant", "asked for, granted, given back by rseq_slice_yield(2)", GRANT, yields},
    {"slice.call", "another system call ends the grant", ENTRY, calls},
    {"slice.expires", "a grant that is not given back", "kernel/rseq.c rseq_slice_expired", expires},
    {"slice.not-asked", "preempted without asking", GRANT, not_asked},
    {"slice.disabled", "enabled and disabled", SLICE, disabled},
    {"slice.flags", "the program has cleared rseq.flags", SLICE, flags},
    {0},
};
