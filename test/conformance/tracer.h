/* A child that its parent traces. */
#ifndef TRACER_H
#define TRACER_H

#include "signals.h"
#include "thread.h"
#include <linux/ptrace.h>

static inline long trace(long request, long pid, u64 address, volatile void *data) { return sys(ptrace, request, pid, address, data); }

/* In the child: traced by its parent, which it tells by stopping. */
static inline void traced(void) {
  if (trace(PTRACE_TRACEME, 0, 0, 0) < 0) leave(99);
  long process = sys(getpid);
  sys(kill, process, SIGSTOP);
}

/* A child that stops before it runs. */
static inline long tracee(void (*function)(void)) {
  long pid = fork();
  if (pid == 0) {
    traced();
    function();
    leave(0);
  }
  if (wait_for(pid) == 99 << 8) skip("ptrace is not permitted");
  return pid;
}

static inline int resume(long request, long pid) {
  trace(request, pid, 0, 0);
  return wait_for(pid);
}

static inline void end(long pid) {
  sys(kill, pid, SIGKILL);
  wait_for(pid);
}

#endif
