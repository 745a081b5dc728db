#include "traced.h"

/* A section of its own: registered by hand, so that no C library is in the way. */
struct rseq_area {
  unsigned cpu_id_start, cpu_id;
  ulong rseq_cs;
  unsigned flags, node_id, mm_cid, pad;
} __attribute__((aligned(32)));
static volatile struct rseq_area area;
enum { SIGNATURE = 0x53053053 };
static volatile ulong cursor, steps_done, aborts;
struct section {
  unsigned version, flags;
  ulong start, length, abort;
} __attribute__((aligned(32)));
extern const struct section section;
void go(void);
void section_start(void), section_end(void), section_abort(void);
__asm__(".data\n .balign 32\n section: .long 0, 0\n .quad section_start, section_end - section_start, section_abort\n .text\n"
        ".globl go\ngo:\n lea section(%rip), %rax\n mov %rax, 8+area(%rip)\n"
        "section_start: nop\n nop\n incq steps_done(%rip)\n nop\n"
        "section_end: ret\n .long 0x53053053\n"
        "section_abort: incq aborts(%rip)\n ret\n");
static void sections_run(void) {
  call(rseq, &area, 32, 0, SIGNATURE);
  __asm__ volatile("int3");
  go();
  __asm__ volatile("int3");
  go();
  say("steps %ld aborts %ld", steps_done, aborts);
}
struct configuration {
  ulong pointer;
  unsigned size, signature, flags, pad;
};
static void print_configuration(long pid, long size) {
  struct configuration found;
  char *bytes = (char *)&found;
  for (size_t n = 0; n < sizeof found; n++) bytes[n] = 0x55;
  long got = call(ptrace, 0x420f, pid, size, &found);
  say("%ld bytes: %ld pointer %d size %d signature %x flags %x pad %x", size, got, found.pointer == (ulong)&area ? 1 : found.pointer == 0 ? 0 : 2, found.size, found.signature, found.flags, found.pad);
}
PART(sections) {
  long pid = tracee(sections_run);
  told("begins", pid);
  print_configuration(pid, 24);
  trace(PCONT, pid), told("registered", pid);
  print_configuration(pid, 24), print_configuration(pid, 12), print_configuration(pid, 0), print_configuration(pid, 100);
  say("nowhere %ld", call(ptrace, 0x420f, pid, 24, 8));
  /* steps: one inside, the next behind the abort */
  struct regs regs = registers(pid);
  int n = 0;
  for (; regs.ip != (ulong)go && n < 50; n++) {
    trace(STEP, pid), call(wait4, pid, 0, 0, 0);
    regs = registers(pid);
  }
  for (n = 0; n < 4; n++) {
    trace(STEP, pid), call(wait4, pid, 0, 0, 0);
    regs = registers(pid);
    long in_section = regs.ip - (ulong)section_start, in_abort = regs.ip - (ulong)section_abort;
    say("step: %s %ld, rseq_cs %s", in_abort >= 0 && in_abort < 9 ? "abort" : in_section >= 0 && in_section < 11 ? "section" : "elsewhere", in_abort >= 0 && in_abort < 9 ? in_abort : in_section >= 0 && in_section < 11 ? in_section : 0, peek(pid, (char *)&area + 8) == (long)&section ? "set" : "clear");
  }
  trace(PCONT, pid), told("second", pid);
  regs = registers(pid);
  for (n = 0; regs.ip != (ulong)section_start && n < 50; n++) {
    trace(STEP, pid), call(wait4, pid, 0, 0, 0);
    regs = registers(pid);
  }
  /* with rseq_cs 0 one can step through all of it */
  trace(POKEDATA, pid, (char *)&area + 8, 0);
  for (n = 0; n < 5; n++) {
    trace(STEP, pid), call(wait4, pid, 0, 0, 0);
    regs = registers(pid);
    long in_section = regs.ip - (ulong)section_start;
    say("step: %ld", in_section >= 0 && in_section <= 11 ? in_section : -1);
  }
  trace(PCONT, pid), told("ends", pid);
  print_configuration(pid, 24);
}
