/* rseq_cs is cleared late: by the first interruption outside of the section (kernel/rseq.c rseq_ip_fixup, clear_rseq_cs). */
#include "rows.h"
#include "rseq.h"
#include "thread.h"

#define FIXUP "kernel/rseq.c rseq_ip_fixup"

static void cleared(void) {
  registered();
  area.rseq_cs = (u64)&spin_cs;
  preempted_outside();
  say(rseq_cs(&area));
}

/* A switch may come at any time: asked until there was none. */
static void kept(void) {
  registered();
  for (int i = 0; i < 1000; i++) {
    area.rseq_cs = (u64)&spin_cs;
    sys(getpid);
    if (area.rseq_cs) break;
  }
  say(rseq_cs(&area));
}

static void committed(void) {
  registered();
  stop = 1;
  for (int i = 0; i < 1000; i++)
    if (spin(&area, &spin_cs, &inside, &stop) && area.rseq_cs) break;
  say(rseq_cs(&area));
}

static void in_a_call(void) {
  registered();
  area.rseq_cs = (u64)&spin_cs;
  sleep_ms(2);
  say(rseq_cs(&area));
}

static void by_migration(void) {
  two_cpus();
  registered();
  pin(nth_cpu(0));
  area.rseq_cs = (u64)&spin_cs;
  pin(nth_cpu(1));
  say(rseq_cs(&area));
}

#ifndef __aarch64__
/* Waits for `stop` between the store to rseq_cs and start_ip: the interruption there clears it, the section runs unprotected. */
long gap(struct area *, struct rseq_cs *, volatile int *, volatile int *, volatile int *, volatile int *);
asm(".text\ngap:\n"
    " mov %rsi, 8(%rdi)\n"
    " movl $1, (%rdx)\n"
    "1: pause\n cmpl $0, (%rcx)\n je 1b\n"
    "gap_start:\n"
    " movl $1, (%r8)\n"
    "1: pause\n cmpl $0, (%r9)\n je 1b\n"
    "gap_end:\n mov $1, %eax\n ret\n"
    ".long 0x53053053\n"
    "gap_abort: xor %eax, %eax\n ret\n"
    ".data\n.balign 32\ngap_cs: .long 0, 0\n.quad gap_start, gap_end - gap_start, gap_abort\n.text\n");
extern struct rseq_cs gap_cs;

/* Runs inside up to `out`, waits for `stop` outside, jumps back and waits inside. */
long branch(struct area *, struct rseq_cs *, volatile int *, volatile int *, volatile int *, volatile int *);
asm(".text\nbranch:\n"
    " mov %rsi, 8(%rdi)\n"
    "branch_start: jmp out\n"
    "back: movl $1, (%r8)\n"
    "1: pause\n cmpl $0, (%r9)\n je 1b\n"
    "branch_end:\n mov $1, %eax\n ret\n"
    "out: movl $1, (%rdx)\n"
    "1: pause\n cmpl $0, (%rcx)\n je 1b\n"
    " jmp back\n"
    ".long 0x53053053\n"
    "branch_abort: xor %eax, %eax\n ret\n"
    ".data\n.balign 32\nbranch_cs: .long 0, 0\n.quad branch_start, branch_end - branch_start, branch_abort\n.text\n");
extern struct rseq_cs branch_cs;

static volatile int inside_2, stop_2;
static struct thread other;

static void preempt_twice(void *unused) {
  while (!inside) yield();
  stop = 1;
  while (!inside_2) yield();
  stop_2 = 1;
}

static void in_the_gap(void) {
  registered();
  one_cpu();
  start(&other, preempt_twice, 0);
  say(outcome(gap(&area, &gap_cs, &inside, &stop, &inside_2, &stop_2)));
}

static void branch_out(void) {
  registered();
  one_cpu();
  start(&other, preempt_twice, 0);
  long committed;
  do committed = branch(&area, &branch_cs, &inside, &stop, &inside_2, &stop_2);
  while (!inside);
  say(outcome(committed));
}

/* Enters the section again without a store to rseq_cs. */
static long reenter(void) {
  long committed;
  asm volatile("call 2f\n jmp 3f\n2: jmp spin_start\n3:"
               : "=a"(committed)
               : "d"(&inside), "c"(&stop)
               : "memory", "rdi", "rsi");
  return committed;
}

static void preempter(void *unused) {
  while (!inside) yield();
  stop = 1;
}

static void without_arming(void) {
  registered();
  say("first time %s", outcome(preempted_inside(&spin_cs)));
  inside = stop = 0;
  start(&other, preempter, 0);
  say("again without a store to rseq_cs %s", outcome(reenter()));
}

/* The store of another descriptor replaces the first: only one section at a time. */
SECTION(nested, " lea nested_inner_cs(%rip), %rax\n"
                " mov %rax, 8(%rdi)\n"
                " movl $1, (%rdx)\n"
                "nested_inner: pause\n"
                " cmpl $0, (%rcx)\n"
                " je nested_inner\n"
                "nested_inner_end: nop\n");
asm(".text\n.long 0x53053053\nnested_inner_abort: mov $2, %eax\n ret\n"
    ".data\n.balign 32\nnested_inner_cs: .long 0, 0\n.quad nested_inner, nested_inner_end - nested_inner, nested_inner_abort\n.text\n");

static void second_store(void) {
  registered();
  one_cpu();
  start(&other, preempter, 0);
  long how;
  do how = nested(&area, &nested_cs, &inside, &stop);
  while (!inside);
  say(how == 2 ? "the inner one aborted" : how ? "committed" : "the outer one aborted");
}
#endif

static void disarmed(void) {
  registered();
  spin_cs.version = 1;
  area.rseq_cs = (u64)&spin_cs;
  area.rseq_cs = 0;
  preempted_outside();
  say("survived");
}

const struct row lazy_rows[] = {
    {"lazy.cleared", "preempted outside: rseq_cs becomes NULL", FIXUP, cleared},
    {"lazy.kept", "without a switch rseq_cs stays", FIXUP, kept},
    {"lazy.committed", "a commit does not touch rseq_cs", FIXUP, committed},
    {"lazy.in-a-call", "outside, blocked in nanosleep(2)", FIXUP, in_a_call},
    {"lazy.migration", "outside, migrated by its own sched_setaffinity(2)", FIXUP, by_migration},
#ifndef __aarch64__
    {"lazy.gap", "preempted between the store to rseq_cs and start_ip, then inside", FIXUP, in_the_gap},
    {"lazy.branch-out-and-back", "preempted outside after a jump out, then inside after the jump back", FIXUP, branch_out},
    {"lazy.without-arming", "after an abort the section is entered without a store to rseq_cs", FIXUP, without_arming},
    {"lazy.second-store", "a second descriptor is stored inside a section", FIXUP, second_store},
#endif
    {"lazy.disarmed", "the program itself sets rseq_cs to NULL", FIXUP, disarmed},
    {0},
};
