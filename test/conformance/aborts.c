/* What aborts a section, and what the thread finds at abort_ip. */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/membarrier.h>

#define FIXUP "kernel/rseq.c rseq_ip_fixup"
#define MEMBARRIER "kernel/sched/membarrier.c ipi_rseq"

static struct thread other;

/* ---------------------------------------------------------------- preempted */

static void preempt(void) {
  registered();
  say(outcome(preempted_inside(&spin_cs)));
  say(rseq_cs(&area));
}

static void preempt_long(void) {
  say("%e", rseq(&area, 64, 0, SIGNATURE));
  say(outcome(preempted_inside(&spin_cs)));
  say(rseq_cs(&area));
}

static void preempt_unregistered(void) {
  registered();
  rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE);
  say(outcome(preempted_inside(&spin_cs)));
  say(rseq_cs(&area));
}

/* A switch may come at any time: asked until there was none. */
static void uninterrupted(void) {
  registered();
  stop = 1;
  long committed = 0;
  for (int i = 0; i < 1000 && !committed; i++) committed = spin(&area, &spin_cs, &inside, &stop);
  say(outcome(committed));
}

/* Registers are those of the interruption; only ip is another. */
#ifdef __aarch64__
SECTION_AFTER(registers, " mov w8, #0x1111\n mov x9, sp\n mov w10, #1\n str w10, [x2]\n1: yield\n ldr w11, [x3]\n cbz w11, 1b\n", COMMITTED,
              " mov w0, #0\n mov w10, #0x1111\n cmp w8, w10\n b.ne 1f\n mov x10, sp\n cmp x9, x10\n b.ne 1f\n mov w0, #2\n1: ret\n");
#else
SECTION_AFTER(registers, " mov $0x1111, %r8d\n mov %rsp, %r9\n movl $1, (%rdx)\n1: pause\n cmpl $0, (%rcx)\n je 1b\n", " mov $1, %eax\n ret\n",
              " xor %eax, %eax\n cmp $0x1111, %r8d\n jne 1f\n cmp %r9, %rsp\n jne 1f\n mov $2, %eax\n1: ret\n");
#endif

static void preempter(void *unused) {
  while (!inside) yield();
  stop = 1;
}

static void keeps_registers(void) {
  registered();
  one_cpu();
  start(&other, preempter, 0);
  long how;
  do how = registers(&area, &registers_cs, &inside, &stop);
  while (!inside);
  say(how == 2 ? "aborted, registers kept" : how ? "committed" : "aborted, registers changed");
}

/* The section again and again, each time preempted. */
static void many(void) {
  registered();
  int aborts = 0;
  for (int i = 0; i < 10; i++) aborts += !preempted_inside(&spin_cs);
  say("%d of 10 aborted", (long)aborts);
}

static void thread_of_another_area(void *unused) {
  static struct area mine;
  say("%e", rseq(&mine, 32, 0, SIGNATURE));
  say(outcome(spin(&mine, &spin_cs, &inside, &stop)));
  inside = 1;
  say(rseq_cs(&mine));
}

/* The first thread is the one that preempts; its own rseq_cs is of no section. */
static void second_thread(void) {
  registered();
  one_cpu();
  start(&other, thread_of_another_area, 0);
  preempter(0);
  join(&other);
}

/* ----------------------------------------------------------------- migrated */

static volatile int target;
static int first_tid;

static void migrator(void *unused) {
  pin(target);
  while (!inside) asm volatile("pause");
  pin_thread(first_tid, target);
  stop = 1;
}

static void migrate(void) {
  two_cpus();
  registered();
  first_tid = sys(gettid);
  pin(nth_cpu(0));
  target = nth_cpu(1);
  start(&other, migrator, 0);
  pin(nth_cpu(0));
  long committed;
  do committed = spin(&area, &spin_cs, &inside, &stop);
  while (!inside);
  join(&other);
  say(outcome(committed));
  say("cpu_id %s", (int)area.cpu_id == nth_cpu(1) && current_cpu() == nth_cpu(1) ? "of the new CPU" : "of another CPU");
}

/* --------------------------------------------------------------- membarrier */

#define ROUNDS 50
static volatile int round;
static int membarrier_flags, membarrier_cpu;

static void fencer(void *unused) {
  pin(nth_cpu(1));
  for (int i = 1; i <= ROUNDS; i++) {
    while (!inside) asm volatile("pause");
    sys(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, membarrier_flags, membarrier_cpu);
    stop = 1;
    while (round < i) asm volatile("pause");
  }
}

/* Each round another thread lets the section go on, but only after its membarrier: so each must be aborted. */
static int fenced(void) {
  two_cpus();
  registered();
  sys(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
  pin(nth_cpu(0));
  int aborts = 0;
  start(&other, fencer, 0);
  for (int i = 1; i <= ROUNDS; i++) {
    int aborted = 0;
    do aborted |= !spin(&area, &spin_cs, &inside, &stop);
    while (!stop);
    aborts += aborted;
    inside = stop = 0;
    round = i;
  }
  join(&other);
  return aborts;
}

static void say_fenced(void) { say(fenced() == ROUNDS ? "aborted each time" : "not aborted each time"); }
static void membarrier_all(void) { say_fenced(); }

static void membarrier_one(void) {
  membarrier_flags = MEMBARRIER_CMD_FLAG_CPU;
  membarrier_cpu = nth_cpu(0);
  say_fenced();
}

/* Sent to the CPU of the caller only. A preemption aborts too, but not each time. */
static void membarrier_elsewhere(void) {
  membarrier_flags = MEMBARRIER_CMD_FLAG_CPU;
  membarrier_cpu = nth_cpu(1);
  say_fenced();
}

const struct row abort_rows[] = {
    {"abort.none", "a short section that nothing interrupts", FIXUP, uninterrupted},
    {"abort.preempt", "preempted by another thread", FIXUP, preempt},
    {"abort.preempt-long", "the same, registered with 64 bytes", FIXUP, preempt_long},
    {"abort.preempt-unregistered", "the same after unregistering", FIXUP, preempt_unregistered},
    {"abort.preempt-10", "ten times", FIXUP, many},
    {"abort.second-thread", "a thread with an area of its own", FIXUP, second_thread},
    {"abort.registers", "registers at abort_ip", FIXUP, keeps_registers},
    {"abort.migrate", "moved to another CPU by another thread's sched_setaffinity(2)", "include/linux/rseq.h rseq_migrate", migrate},
    {"abort.membarrier", "PRIVATE_EXPEDITED_RSEQ from another CPU", MEMBARRIER, membarrier_all},
    {"abort.membarrier-cpu", "the same with MEMBARRIER_CMD_FLAG_CPU and the thread's CPU", MEMBARRIER, membarrier_one},
    {"abort.membarrier-other-cpu", "the same with another CPU", MEMBARRIER, membarrier_elsewhere},
    {0},
};
