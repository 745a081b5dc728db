/* What a tracer does to sections (kernel/ptrace.c). */
#include "rows.h"
#include "calls.h"
#include "tracer.h"
#ifdef __aarch64__
#include <linux/elf.h>
#include <linux/uio.h>
#endif

#define FIXUP "kernel/rseq.c rseq_ip_fixup"
#define STOPS "kernel/signal.c ptrace_stop"

#ifdef __aarch64__
/* struct user_pt_regs: 34 words */
enum { IP_WORD = 32, REGISTERS = 34, NEXT = 4 };

static void registers_of(long pid, u64 *registers, long request) {
  struct iovec part = {registers, REGISTERS * 8};
  trace(request, pid, NT_PRSTATUS, &part);
}
#define GET_REGISTERS(pid, registers) registers_of(pid, registers, PTRACE_GETREGSET)
#define SET_REGISTERS(pid, registers) registers_of(pid, registers, PTRACE_SETREGSET)
#else
/* struct user_regs_struct: 27 words */
enum { IP_WORD = 16, REGISTERS = 27, NEXT = 3 };
#define GET_REGISTERS(pid, registers) trace(PTRACE_GETREGS, pid, 0, registers)
#define SET_REGISTERS(pid, registers) trace(PTRACE_SETREGS, pid, 0, registers)
#endif

static u64 peek(long pid, volatile void *address) {
  u64 word = 0;
  trace(PTRACE_PEEKDATA, pid, (u64)address, &word);
  return word;
}

static u64 ip_of(long pid) {
  u64 registers[REGISTERS];
  GET_REGISTERS(pid, registers);
  return registers[IP_WORD];
}

/* brk, unlike int3, is where the thread would go on. */
static inline void pass_breakpoint(long pid) {
#ifdef __aarch64__
  u64 registers[REGISTERS];
  GET_REGISTERS(pid, registers);
  registers[IP_WORD] += 4;
  SET_REGISTERS(pid, registers);
#endif
}

static void say_ip(long pid, const struct rseq_cs *cs) {
  u64 ip = ip_of(pid);
  if (ip - cs->start_ip < cs->post_commit_offset) say("start_ip + %d", ip - cs->start_ip);
  else if (ip - cs->abort_ip <= NEXT) say("abort_ip + %d", ip - cs->abort_ip);
  else if (ip - cs->start_ip < cs->post_commit_offset + 8) say("end + %d", ip - cs->start_ip - cs->post_commit_offset);
  else say("elsewhere");
}

/* --------------------------------------------------------------- a breakpoint inside */

static volatile int reached;
SECTION(breakpoint, " nop\n int3\n nop\n nop\n");

/* Preempted before the breakpoint the section is aborted: again until the tracer has set `reached`. */
static void runs_breakpoint(void) {
  registered();
  long committed;
  do committed = breakpoint(&area, &breakpoint_cs);
  while (!reached);
  leave(committed ? 1 : 2);
}

static long at_breakpoint(void) {
  u64 one = 1;
  long pid = tracee(runs_breakpoint);
  int status = resume(PTRACE_CONT, pid);
  pass_breakpoint(pid);
  say_status("child", status);
  trace(PTRACE_POKEDATA, pid, (u64)&reached, (void *)one);
  return pid;
}

static void say_end(int status) {
  say(status == 1 << 8 ? "committed" : status == 2 << 8 ? "aborted" : "ended otherwise");
}

static const char *rseq_cs_of(long pid) { return peek(pid, &area.rseq_cs) ? "rseq_cs set" : "rseq_cs cleared"; }

static void stop_inside(void) {
  long pid = at_breakpoint();
  say_ip(pid, &breakpoint_cs);
  say(rseq_cs_of(pid));
  say_end(resume(PTRACE_CONT, pid));
}

static void step_inside(void) {
  long pid = at_breakpoint();
  say_ip(pid, &breakpoint_cs);
  say_status("child", resume(PTRACE_SINGLESTEP, pid));
  say_ip(pid, &breakpoint_cs);
  say(rseq_cs_of(pid));
  say_end(resume(PTRACE_CONT, pid));
}

/* Without rseq_cs there is no section: it can be stepped through. */
static void step_disarmed(void) {
  long pid = at_breakpoint();
  trace(PTRACE_POKEDATA, pid, (u64)&area.rseq_cs, 0);
  for (int i = 0; i < 3; i++) {
    resume(PTRACE_SINGLESTEP, pid);
    say_ip(pid, &breakpoint_cs);
  }
  say_end(resume(PTRACE_CONT, pid));
}

static void detach(void) {
  long pid = at_breakpoint();
  trace(PTRACE_DETACH, pid, 0, 0);
  say_end(wait_for(pid));
}

/* The tracer moves the thread out of the section before it goes on. */
static void moved_out(void) {
  long pid = at_breakpoint();
  u64 registers[REGISTERS];
  GET_REGISTERS(pid, registers);
  registers[IP_WORD] = (u64)breakpoint_end;
  SET_REGISTERS(pid, registers);
  say_end(resume(PTRACE_CONT, pid));
}

/* ... and into it. */
static void runs_outside(void) {
  registered();
  asm volatile("int3");
  leave(3);
}

static void moved_in(void) {
  long pid = tracee(runs_outside);
  resume(PTRACE_CONT, pid);
  trace(PTRACE_POKEDATA, pid, (u64)&area.rseq_cs, &breakpoint_cs);
  u64 registers[REGISTERS];
  GET_REGISTERS(pid, registers);
  registers[IP_WORD] = (u64)breakpoint_start;
  SET_REGISTERS(pid, registers);
  resume(PTRACE_SINGLESTEP, pid);
  say_ip(pid, &breakpoint_cs);
  say(rseq_cs_of(pid));
  end(pid);
}

/* A tracer that writes nonsense into rseq_cs kills. */
static void poked(void) {
  long pid = tracee(runs_outside);
  resume(PTRACE_CONT, pid);
  trace(PTRACE_POKEDATA, pid, (u64)&area.rseq_cs, (void *)0x10);
  int status = resume(PTRACE_CONT, pid);
  say_status("child", status);
  say_status("child", resume(PTRACE_CONT, pid));
  end(pid);
}

/* Steps from the store to rseq_cs on: the section never runs an instruction. */
SECTION(stepped, " nop\n nop\n nop\n");
static void runs_stepped(void) {
  registered();
  asm volatile("int3");
  leave(stepped(&area, &stepped_cs) ? 1 : 2);
}

static void step_in(void) {
  long pid = tracee(runs_stepped);
  resume(PTRACE_CONT, pid);
  pass_breakpoint(pid);
  int steps = 0;
  for (; steps < 1000; steps++)
    if (resume(PTRACE_SINGLESTEP, pid) != (0x7f | SIGTRAP << 8) || ip_of(pid) - (u64)stepped_start < 64) break;
  say_ip(pid, &stepped_cs);
  say(rseq_cs_of(pid));
  resume(PTRACE_SINGLESTEP, pid);
  say_ip(pid, &stepped_cs);
  say_end(resume(PTRACE_CONT, pid));
}

/* ------------------------------------------------------------------ other stops */

static volatile struct {
  int inside, stop, stopped;
} *shared;

/* A preemption aborts too: again until it has been stopped. */
static void spins(void) {
  registered();
  long committed;
  do committed = spin(&area, &spin_cs, &shared->inside, &shared->stop);
  while (!shared->stopped);
  leave(committed ? 1 : 2);
}

/* From now on the section ends and is not entered again. */
static void let_end(void) { shared->stop = shared->stopped = 1; }

/* A child that spins inside; waits until it does. */
static long spinning(void) {
  shared = map_shared(4096);
  long pid = fork();
  if (pid == 0) {
    spins();
    leave(0);
  }
  while (!shared->inside) yield();
  return pid;
}

static void end_seized(long pid) { trace(PTRACE_CONT, pid, 0, 0); }
static void end_attached(long pid) { trace(PTRACE_DETACH, pid, 0, 0); }
static void end_stopped(long pid) { sys(kill, pid, SIGCONT); }

static long seize(long pid) {
  long result = trace(PTRACE_SEIZE, pid, 0, 0);
  return result < 0 ? result : trace(PTRACE_INTERRUPT, pid, 0, 0);
}
static long attach_to(long pid) { return trace(PTRACE_ATTACH, pid, 0, 0); }
static long send_stop(long pid) { return sys(kill, pid, SIGSTOP); }

/* The stop may find the child on its way into the section, which it then runs to its end: another child then. */
static void stopped_inside(long (*stop_it)(long), void (*go_on)(long)) {
  int first = 0, last = 0;
  for (int i = 0; i < 20 && last != 2 << 8; i++) {
    long pid = spinning();
    if (stop_it(pid) < 0) skip("ptrace is not permitted");
    first = wait_for(pid);
    let_end();
    go_on(pid);
    last = wait_for(pid);
  }
  say_status("child", first);
  say_end(last);
}

static void interrupt(void) { stopped_inside(seize, end_seized); }
static void attach(void) { stopped_inside(attach_to, end_attached); }
static void job_control(void) { stopped_inside(send_stop, end_stopped); }

/* Set by the tracer while the child is stopped. */
#define STOPPED counts.unused[0]

/* Its call is the last of the section: to be made again, and so inside. */
CALL_SECTION(waits, "");
static int ends[2];

static void interrupt_last(void) {
  registered();
  one_cpu();
  share_counts();
  sys(pipe2, ends, 0);
  long pid = fork();
  if (pid == 0) {
    char byte;
    /* Preempted before its call it tries again. */
    do waits(&waits_cs, __NR_read, ends[0], &byte, 1);
    while (!counts.commits && !STOPPED);
    leave(counts.commits ? 1 : 2);
  }
  while (!counts.entered) yield();
  sleep_ms(1);
  if (trace(PTRACE_SEIZE, pid, 0, 0) < 0) skip("ptrace is not permitted");
  trace(PTRACE_INTERRUPT, pid, 0, 0);
  say_status("child", wait_for(pid));
  STOPPED = 1;
  sys(write, ends[1], "x", 1);
  say_end(resume(PTRACE_CONT, pid));
}

const struct row ptrace_rows[] = {
    {"ptrace.breakpoint", "int3 inside, then PTRACE_CONT", STOPS, stop_inside},
    {"ptrace.step", "int3 inside, then PTRACE_SINGLESTEP", STOPS, step_inside},
    {"ptrace.step-disarmed", "the same after the tracer has set rseq_cs to NULL", FIXUP, step_disarmed},
    {"ptrace.step-in", "single steps over the store to rseq_cs into a section", STOPS, step_in},
    {"ptrace.detach", "int3 inside, then PTRACE_DETACH", STOPS, detach},
    {"ptrace.moved-out", "the tracer sets ip to the end of the section", FIXUP, moved_out},
    {"ptrace.moved-in", "the tracer arms a section and sets ip to its start", FIXUP, moved_in},
    {"ptrace.poked", "the tracer sets rseq_cs to 0x10", FIXUP, poked},
    {"ptrace.interrupt", "PTRACE_SEIZE and PTRACE_INTERRUPT while the thread spins inside", STOPS, interrupt},
    {"ptrace.attach", "PTRACE_ATTACH and PTRACE_DETACH while the thread spins inside", STOPS, attach},
    {"ptrace.interrupt-last", "PTRACE_INTERRUPT while read(2) waits as the last of a section", "arch/x86/kernel/signal.c arch_do_signal_or_restart", interrupt_last},
    {"stop.inside", "SIGSTOP and SIGCONT while the thread spins inside", "kernel/signal.c do_signal_stop", job_control},
    {0},
};
