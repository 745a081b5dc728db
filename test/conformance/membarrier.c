/* membarrier(2) as far as rseq goes (kernel/sched/membarrier.c SYSCALL_DEFINE3(membarrier)). */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/membarrier.h>

#define SOURCE "kernel/sched/membarrier.c SYSCALL_DEFINE3(membarrier)"
#define EXPEDITED "kernel/sched/membarrier.c membarrier_private_expedited"
#define GET_REGISTRATIONS (1 << 9)
#define RSEQ MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
#define REGISTER_RSEQ MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ

static long fence(long command, long flags, long cpu) { return sys(membarrier, command, flags, cpu); }

static void query(void) {
  long bits = fence(MEMBARRIER_CMD_QUERY, 0, 0);
  say("RSEQ %s", bits & RSEQ ? "yes" : "no");
  say("REGISTER_RSEQ %s", bits & REGISTER_RSEQ ? "yes" : "no");
  say("GET_REGISTRATIONS %s", bits & GET_REGISTRATIONS ? "yes" : "no");
}

static void query_all(void) { say("%x", fence(MEMBARRIER_CMD_QUERY, 0, 0)); }
static void query_flags(void) { say("%e", fence(MEMBARRIER_CMD_QUERY, 1, 0)); }
static void unknown(void) { say("%e", fence(1 << 20, 0, 0)); }
static void two(void) { say("%e", fence(RSEQ | REGISTER_RSEQ, 0, 0)); }
static void unregistered(void) { say("%e", fence(RSEQ, 0, 0)); }
static void unregistered_flags(void) { say("%e", fence(RSEQ, 2, 0)); }
static void unregistered_cpu(void) { say("%e", fence(RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0)); }
static void unregistered_no_cpu(void) { say("%e", fence(RSEQ, MEMBARRIER_CMD_FLAG_CPU, 100000)); }
static void register_flags(void) { say("%e", fence(REGISTER_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0)); }

static void other_command(void) {
  say("register PRIVATE_EXPEDITED %e", fence(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
  say("RSEQ %e", fence(RSEQ, 0, 0));
}

static void other_way_round(void) {
  fence(REGISTER_RSEQ, 0, 0);
  say("PRIVATE_EXPEDITED %e", fence(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
}

static void other_command_flag(void) {
  fence(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  say("%e", fence(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0));
}

static void ok(void) {
  say("%e", fence(REGISTER_RSEQ, 0, 0));
  say("%e", fence(REGISTER_RSEQ, 0, 0));
  say("%e", fence(RSEQ, 0, 0));
  /* Without CMD_FLAG_CPU the number does not count. */
  say("%e", fence(RSEQ, 0, -5));
}

static void cpus(void) {
  fence(REGISTER_RSEQ, 0, 0);
  say("%e", fence(RSEQ, MEMBARRIER_CMD_FLAG_CPU, nth_cpu(0)));
  say("no such CPU %e", fence(RSEQ, MEMBARRIER_CMD_FLAG_CPU, 100000));
  say("-1 %e", fence(RSEQ, MEMBARRIER_CMD_FLAG_CPU, -1));
  say("flags 2 %e", fence(RSEQ, 2, 0));
  say("flags 3 %e", fence(RSEQ, 3, 0));
}

/* The same with a second thread: a process with one thread returns early. */
static struct thread other;
static volatile int go;
static void waits(void *unused) {
  while (!go) futex_wait(&go, 0);
}

static void cpus_threads(void) {
  start(&other, waits, 0);
  say("unregistered %e", fence(RSEQ, 0, 0));
  cpus();
  go = 1;
  futex_wake(&go, 1);
  join(&other);
}

static void thread_registers(void *unused) { fence(REGISTER_RSEQ, 0, 0); }

static void whole_process(void) {
  start(&other, thread_registers, 0);
  join(&other);
  say("%e", fence(RSEQ, 0, 0));
}

static void say_registrations(void) {
  long bits = fence(GET_REGISTRATIONS, 0, 0);
  say(bits < 0 ? "%e" : "%x", bits);
}

static void registrations(void) {
  say_registrations();
  fence(REGISTER_RSEQ, 0, 0);
  say_registrations();
}

static void forked(void) {
  fence(REGISTER_RSEQ, 0, 0);
  long pid = fork();
  if (pid == 0) leave(-fence(RSEQ, 0, 0));
  say("child %e", (long)-(wait_for(pid) >> 8));
}

static void execed(void) {
  if (arguments[2]) {
    said();
    say("%e", fence(RSEQ, 0, 0));
    return;
  }
  say("%e", fence(REGISTER_RSEQ, 0, 0));
  char *again[] = {arguments[0], "membarrier.exec", "again", 0};
  if (sys(execve, "/proc/self/exe", again, again + 3) == -ENOENT) sys(execve, arguments[0], again, again + 3);
}

const struct row membarrier_rows[] = {
    {"membarrier.query", "which commands there are, as far as rseq goes", SOURCE, query},
    {"membarrier.query-all", "all commands", SOURCE, query_all},
    {"membarrier.query-flags", "QUERY with a flag", SOURCE, query_flags},
    {"membarrier.unknown", "a command that there is not", SOURCE, unknown},
    {"membarrier.two", "two commands at once", SOURCE, two},
    {"membarrier.unregistered", "RSEQ without registration", EXPEDITED, unregistered},
    {"membarrier.unregistered-flags", "the same with an unknown flag", SOURCE, unregistered_flags},
    {"membarrier.unregistered-cpu", "the same with CMD_FLAG_CPU", EXPEDITED, unregistered_cpu},
    {"membarrier.unregistered-no-cpu", "the same for a CPU that there is not", EXPEDITED, unregistered_no_cpu},
    {"membarrier.register-flags", "REGISTER_RSEQ with a flag", SOURCE, register_flags},
    {"membarrier.other-command", "registered for PRIVATE_EXPEDITED only", EXPEDITED, other_command},
    {"membarrier.other-way-round", "registered for RSEQ only", EXPEDITED, other_way_round},
    {"membarrier.other-command-flag", "CMD_FLAG_CPU with another command", SOURCE, other_command_flag},
    {"membarrier.ok", "registered, twice, and used", EXPEDITED, ok},
    {"membarrier.cpus", "CMD_FLAG_CPU, one thread", EXPEDITED, cpus},
    {"membarrier.cpus-threads", "CMD_FLAG_CPU, two threads", EXPEDITED, cpus_threads},
    {"membarrier.whole-process", "another thread registers", "kernel/sched/membarrier.c membarrier_register_private_expedited", whole_process},
    {"membarrier.registrations", "GET_REGISTRATIONS", "kernel/sched/membarrier.c membarrier_get_registrations", registrations},
    {"membarrier.fork", "a child of a registered process", "kernel/fork.c dup_mm", forked},
    {"membarrier.exec", "execve(2) of a registered process", "kernel/sched/membarrier.c membarrier_exec_mmap", execed},
    {0},
};
