/* What aborts a section, and what the thread finds at abort_ip. */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"
#include <linux/membarrier.h>

#define FIXUP "kernel/rseq.c rseq_ip_fixup"
#define DELIVER "kernel/rseq.c rseq_signal_deliver"
#define MEMBARRIER "kernel/sched/membarrier.c ipi_rseq"

static struct thread other;

/* Where a signal found the thread. */
static volatile u64 seen_ip, seen_cs, seen_sp;
static volatile int handled;

#define RIP uc_mcontext.rip

static void look(int number, siginfo_t *info, struct ucontext *context) {
  seen_ip = context->RIP;
  seen_cs = area.rseq_cs;
  seen_sp = (u64)__builtin_frame_address(0);
  handled = 1;
}

/* The same for SIGILL: goes on behind the ud2 if it is there that the thread was found. */
static void look_and_step(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  if (*(u16 *)context->RIP == 0x0b0f) context->RIP += 2;
}

static void say_place(u64 start, u64 end, u64 abort) {
  if (seen_ip == abort) say("handler sees abort_ip");
  else if (seen_ip - start < end - start) say("handler sees start_ip + %d", seen_ip - start);
  else if (seen_ip == end) say("handler sees start_ip + post_commit_offset");
  else if (seen_ip + 2 == start) say("handler sees the instruction before start_ip");
  else say("handler sees another address");
  say(seen_cs ? "rseq_cs set" : "rseq_cs cleared");
}

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
SECTION_AFTER(registers, " mov $0x1111, %r8d\n mov %rsp, %r9\n movl $1, (%rdx)\n1: pause\n cmpl $0, (%rcx)\n je 1b\n", " mov $1, %eax\n ret\n",
              " xor %eax, %eax\n cmp $0x1111, %r8d\n jne 1f\n cmp %r9, %rsp\n jne 1f\n mov $2, %eax\n1: ret\n");

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

/* ---------------------------------------------------------------- signalled */

SECTION(at_start, " ud2\n nop\n");
SECTION(in_the_middle, " nop\n nop\n nop\n ud2\n nop\n");
SECTION(last, " nop\n ud2\n");
SECTION_AFTER(behind, " nop\n nop\n", " ud2\n mov $1, %eax\n ret\n", " xor %eax, %eax\n ret\n");
/* The ud2 is the instruction between the store to rseq_cs and the section. */
SECTION(in_front, " ud2\n nop\n");

/* A switch before the ud2 aborts or clears too: asked until the ud2 was reached, and with rseq_cs as it was stored. */
static void at_ud2(long (*section)(struct area *, struct rseq_cs *, ...), struct rseq_cs *cs) {
  registered();
  on_signal(SIGILL, look_and_step, 0);
  long committed = 0;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = section(&area, cs);
    if (handled && !committed) break;
  }
  say_place(cs->start_ip, cs->start_ip + cs->post_commit_offset, cs->abort_ip);
  say(outcome(committed));
}

static void ud2_at_start(void) { at_ud2(at_start, &at_start_cs); }
static void ud2_in_the_middle(void) { at_ud2(in_the_middle, &in_the_middle_cs); }
static void ud2_last(void) { at_ud2(last, &last_cs); }

/* Here a commit is what should come. */
static void ud2_outside(long (*section)(struct area *, struct rseq_cs *, ...), struct rseq_cs *cs) {
  registered();
  on_signal(SIGILL, look_and_step, 0);
  long committed = 0;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = section(&area, cs);
    if (handled && committed) break;
  }
  say_place(cs->start_ip, cs->start_ip + cs->post_commit_offset, cs->abort_ip);
  say(outcome(committed));
}

static void ud2_behind(void) { ud2_outside(behind, &behind_cs); }

static void ud2_in_front(void) {
  in_front_cs.start_ip += 2;
  in_front_cs.post_commit_offset -= 2;
  ud2_outside(in_front, &in_front_cs);
}

/* A read of address 16: SIGSEGV of the program's own making. */
SECTION(faulting, " nop\n mov 16, %rax\n nop\n");

static volatile u64 seen_address;
static volatile int seen_code;

static void segv(int number, siginfo_t *info, struct ucontext *context) {
  seen_address = (u64)info->si_addr;
  seen_code = info->si_code;
  look(number, info, context);
}

static void fault(void) {
  registered();
  on_signal(SIGSEGV, segv, 0);
  long committed = 1;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = faulting(&area, &faulting_cs);
    if (handled) break;
  }
  say("si_code %d, address %x", (long)seen_code, seen_address);
  say_place(faulting_cs.start_ip, faulting_cs.start_ip + faulting_cs.post_commit_offset, faulting_cs.abort_ip);
  say(outcome(committed));
}

SECTION(trapping, " nop\n int3\n nop\n");

static void breakpoint(void) {
  registered();
  on_signal(SIGTRAP, look, 0);
  long committed = 1;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = trapping(&area, &trapping_cs);
    if (handled) break;
  }
  say_place(trapping_cs.start_ip, trapping_cs.start_ip + trapping_cs.post_commit_offset, trapping_cs.abort_ip);
  say(outcome(committed));
}

/* Signals that come from elsewhere may come outside too: asked until one came inside or at abort_ip. */
static int conclusive(void) {
  return seen_ip == spin_cs.abort_ip || seen_ip - spin_cs.start_ip < spin_cs.post_commit_offset;
}

static void timer(void) {
  registered();
  on_signal(SIGALRM, look, 0);
  long committed = 1;
  for (int i = 0; i < 50; i++) {
    handled = stop = 0;
    alarm_ms(5, 0);
    while (!handled) committed = spin(&area, &spin_cs, &inside, &stop);
    if (conclusive()) break;
  }
  say_place(spin_cs.start_ip, spin_cs.start_ip + spin_cs.post_commit_offset, spin_cs.abort_ip);
  say(outcome(committed));
}

static void killer(void *unused) {
  while (!inside) yield();
  send_to(first_tid, SIGUSR1);
}

static void by_another_thread(void) {
  registered();
  first_tid = sys(gettid);
  on_signal(SIGUSR1, look, 0);
  long committed = 1;
  for (int i = 0; i < 50; i++) {
    handled = inside = stop = 0;
    start(&other, killer, 0);
    while (!handled) committed = spin(&area, &spin_cs, &inside, &stop);
    join(&other);
    if (conclusive()) break;
  }
  say_place(spin_cs.start_ip, spin_cs.start_ip + spin_cs.post_commit_offset, spin_cs.abort_ip);
  say(outcome(committed));
}

/* A signal that is ignored interrupts nobody. */
static void sender(void *unused) {
  while (!inside) asm volatile("pause");
  send_to(first_tid, SIGUSR1);
  stop = 1;
}

static void sent(handler *how, u64 mask) {
  two_cpus();
  registered();
  first_tid = sys(gettid);
  on_signal(SIGUSR1, how, 0);
  block(SIG_BLOCK, mask, 0);
  long committed = 0;
  for (int i = 0; i < 100 && !committed; i++) {
    inside = stop = 0;
    pin(nth_cpu(1));
    start(&other, sender, 0);
    pin(nth_cpu(0));
    committed = spin(&area, &spin_cs, &inside, &stop);
    inside = 1;
    join(&other);
  }
  say(outcome(committed));
}

static void ignored(void) { sent((handler *)1, 0); }
static void blocked(void) { sent(look, bit(SIGUSR1)); }

/* ------------------------------------------------------- handlers and nesting */

static volatile long inner;

static void with_section(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  stop = 1;
  inner = 0;
  for (int i = 0; i < 100 && !inner; i++) inner = spin(&area, &spin_cs, &inside, &stop);
}

static void handler_section(void) {
  registered();
  on_signal(SIGILL, with_section, 0);
  long committed = 1;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = in_the_middle(&area, &in_the_middle_cs);
    if (handled) break;
  }
  say("handler's section %s", outcome(inner));
  say("interrupted section %s", outcome(committed));
}

/* The handler sends itself another signal: both find abort_ip, one of them in the other's frame. */
static volatile u64 second_ip;

static void second_handler(int number, siginfo_t *info, struct ucontext *context) { second_ip = context->RIP; }

static void two_signals(void) {
  registered();
  on_signal(SIGUSR1, look, 0);
  on_signal(SIGUSR2, second_handler, 0);
  first_tid = sys(gettid);
  block(SIG_BLOCK, bit(SIGUSR1) | bit(SIGUSR2), 0);
  send_to(first_tid, SIGUSR1);
  send_to(first_tid, SIGUSR2);
  /* Both are delivered in one return to user space: the second is the one that runs first. */
  block(SIG_UNBLOCK, bit(SIGUSR1) | bit(SIGUSR2), 0);
  say(second_ip == seen_ip ? "both see one address" : "one sees the other's handler");
}

SECTION_AFTER(ud2_at_abort, " nop\n ud2\n nop\n", " mov $1, %eax\n ret\n", " ud2\n xor %eax, %eax\n ret\n");
static volatile int times;

static void count(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  if (++times == 2) context->RIP += 2;
}

/* First SIGILL in the section, second at abort_ip. */
static void abort_interrupted(void) {
  registered();
  on_signal(SIGILL, count, 0);
  long committed = ud2_at_abort(&area, &ud2_at_abort_cs);
  say("%d signals", (long)times);
  say(seen_ip == ud2_at_abort_cs.abort_ip ? "handler sees abort_ip" : "handler sees another address");
  say(outcome(committed));
}

static char stack[65536] __attribute__((aligned(16)));

static void alternate_stack(void) {
  registered();
  struct {
    void *sp;
    int flags;
    u64 size;
  } alternate = {stack, 0, sizeof stack};
  sys(sigaltstack, &alternate, 0);
  on_signal(SIGILL, look, SA_ONSTACK);
  long committed = 1;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = in_the_middle(&area, &in_the_middle_cs);
    if (handled) break;
  }
  say(seen_sp - (u64)stack < sizeof stack ? "on the alternate stack" : "on the stack");
  say_place(in_the_middle_cs.start_ip, in_the_middle_cs.start_ip + in_the_middle_cs.post_commit_offset, in_the_middle_cs.abort_ip);
  say(outcome(committed));
}

/* The handler puts ip back into the section: rseq_cs is NULL, it commits whatever comes. */
static void back_inside(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  context->RIP = (u64)in_the_middle_end - 1;
}

static void handler_returns_inside(void) {
  registered();
  on_signal(SIGILL, back_inside, 0);
  long committed = 0;
  for (int i = 0; i < 100; i++) {
    handled = 0;
    committed = in_the_middle(&area, &in_the_middle_cs);
    if (handled) break;
  }
  say(outcome(committed));
}

/* The handler stores a descriptor that the interrupted address lies in: sigreturn goes there, a switch later aborts. */
static void arm_again(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  context->RIP = (u64)spin_start;
  context->uc_mcontext.rdx = (u64)&inside;
  context->uc_mcontext.rcx = (u64)&stop;
  area.rseq_cs = (u64)&spin_cs;
}

static void handler_arms(void) {
  registered();
  one_cpu();
  on_signal(SIGILL, arm_again, 0);
  start(&other, preempter, 0);
  long committed;
  do committed = in_the_middle(&area, &in_the_middle_cs);
  while (!handled);
  inside = 1;
  say(outcome(committed));
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

static void membarrier_all(void) { say("%d of %d aborted", (long)fenced(), (long)ROUNDS); }

static void membarrier_one(void) {
  membarrier_flags = MEMBARRIER_CMD_FLAG_CPU;
  membarrier_cpu = nth_cpu(0);
  say("%d of %d aborted", (long)fenced(), (long)ROUNDS);
}

/* Sent to the CPU of the caller only. A preemption aborts too, but hardly 50 times. */
static void membarrier_elsewhere(void) {
  membarrier_flags = MEMBARRIER_CMD_FLAG_CPU;
  membarrier_cpu = nth_cpu(1);
  say(fenced() < ROUNDS ? "not aborted by it" : "all aborted");
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
    {"abort.at-start", "a signal at start_ip", DELIVER, ud2_at_start},
    {"abort.in-the-middle", "a signal in the middle", DELIVER, ud2_in_the_middle},
    {"abort.at-the-last", "a signal at the last instruction", DELIVER, ud2_last},
    {"abort.behind", "a signal at start_ip + post_commit_offset", FIXUP, ud2_behind},
    {"abort.in-front", "a signal at the instruction in front of start_ip, after the store to rseq_cs", FIXUP, ud2_in_front},
    {"abort.fault", "a page fault inside with a handler for SIGSEGV", DELIVER, fault},
    {"abort.breakpoint", "int3 inside with a handler for SIGTRAP", DELIVER, breakpoint},
    {"abort.timer", "SIGALRM", DELIVER, timer},
    {"abort.kill", "a signal from another thread", DELIVER, by_another_thread},
    {"abort.signal-ignored", "a signal that is ignored, from another CPU", DELIVER, ignored},
    {"abort.signal-blocked", "a signal that is blocked, from another CPU", DELIVER, blocked},
    {"abort.handler-section", "the handler has a section of its own", DELIVER, handler_section},
    {"abort.two-signals", "two signals in one return", DELIVER, two_signals},
    {"abort.abort-interrupted", "a signal at abort_ip", FIXUP, abort_interrupted},
    {"abort.alternate-stack", "a handler on the alternate stack", DELIVER, alternate_stack},
    {"abort.handler-returns-inside", "the handler sends the thread back into the section", FIXUP, handler_returns_inside},
    {"abort.handler-arms", "the handler stores a descriptor for the address it returns to; preempted there", FIXUP, handler_arms},
    {"abort.membarrier", "PRIVATE_EXPEDITED_RSEQ from another CPU", MEMBARRIER, membarrier_all},
    {"abort.membarrier-cpu", "the same with MEMBARRIER_CMD_FLAG_CPU and the thread's CPU", MEMBARRIER, membarrier_one},
    {"abort.membarrier-other-cpu", "the same with another CPU", MEMBARRIER, membarrier_elsewhere},
    {0},
};
