/* Signals that find a thread in a section or at its edges. */
#include "rows.h"
#include "rseq.h"
#include "signals.h"
#include "thread.h"

#define FIXUP "kernel/rseq.c rseq_ip_fixup"
#define DELIVER "kernel/rseq.c rseq_signal_deliver"

static struct thread other;
static int first_tid;

/* Where a signal found the thread. */
static volatile u64 seen_ip, seen_cs, seen_sp;
static volatile int handled;

#ifdef __aarch64__
#define RIP uc_mcontext.pc
#define UD2 4 /* bytes of it */
#define NOP 4
#define IS_UD2(ip) (*(u32 *)(ip) == 0)
#else
#define RIP uc_mcontext.rip
#define UD2 2
#define NOP 1
#define IS_UD2(ip) (*(u16 *)(ip) == 0x0b0f)
#endif

static void look(int number, siginfo_t *info, struct ucontext *context) {
  seen_ip = context->RIP;
  seen_cs = area.rseq_cs;
  seen_sp = (u64)__builtin_frame_address(0);
  handled = 1;
}

/* The same for SIGILL: goes on behind the ud2 if it is there that the thread was found. */
static void look_and_step(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  if (IS_UD2(context->RIP)) context->RIP += UD2;
}

static void say_place(u64 start, u64 end, u64 abort) {
  if (seen_ip == abort) say("handler sees abort_ip");
  else if (seen_ip - start < end - start) say("handler sees start_ip + %d", seen_ip - start);
  else if (seen_ip == end) say("handler sees start_ip + post_commit_offset");
  else if (seen_ip + UD2 == start) say("handler sees the instruction before start_ip");
  else say("handler sees another address");
  say(seen_cs ? "rseq_cs set" : "rseq_cs cleared");
}

SECTION(at_start, " ud2\n nop\n");
SECTION(in_the_middle, " nop\n nop\n nop\n ud2\n nop\n");
SECTION(last, " nop\n ud2\n");
SECTION_AFTER(behind, " nop\n nop\n", " ud2\n" COMMITTED, ABORTED);
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
  in_front_cs.start_ip += UD2;
  in_front_cs.post_commit_offset -= UD2;
  ud2_outside(in_front, &in_front_cs);
}

/* A read of address 16: SIGSEGV of the program's own making. */
#ifdef __aarch64__
SECTION(faulting, " nop\n mov x9, #16\n ldr x9, [x9]\n nop\n");
#else
SECTION(faulting, " nop\n mov 16, %rax\n nop\n");
#endif

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

SECTION_AFTER(ud2_at_abort, " nop\n ud2\n nop\n", COMMITTED, " ud2\n" ABORTED);
static volatile int times;

static void count(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  if (++times == 2) context->RIP += UD2;
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
  context->RIP = (u64)in_the_middle_end - NOP;
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

static void preempter(void *unused) {
  while (!inside) yield();
  stop = 1;
}

/* The handler stores a descriptor that the interrupted address lies in: sigreturn goes there, a switch later aborts. */
static void arm_again(int number, siginfo_t *info, struct ucontext *context) {
  look(number, info, context);
  context->RIP = (u64)spin_start;
#ifdef __aarch64__
  context->uc_mcontext.regs[2] = (u64)&inside;
  context->uc_mcontext.regs[3] = (u64)&stop;
#else
  context->uc_mcontext.rdx = (u64)&inside;
  context->uc_mcontext.rcx = (u64)&stop;
#endif
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

const struct row interrupted_rows[] = {
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
    {0},
};
