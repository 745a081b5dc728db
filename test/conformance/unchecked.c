/* What a descriptor may be as far as the kernel cares. */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/mman.h>

#define GET "kernel/rseq.c rseq_get_rseq_cs"

static char copies[96] __attribute__((aligned(32)));

static void misaligned(void) {
  struct rseq_cs *odd = (struct rseq_cs *)(copies + 3);
  __builtin_memcpy(odd, &spin_cs, 32);
  registered();
  say(outcome(preempted_inside(odd)));
}

static void empty(void) {
  registered();
  spin_cs.post_commit_offset = 0;
  say(outcome(preempted_inside(&spin_cs)));
  say(rseq_cs(&area));
}

static void in_code(void) {
  registered();
  spin_cs.start_ip = (u64)copies;
  spin_cs.post_commit_offset = 64;
  area.rseq_cs = (u64)&spin_cs;
  preempted_outside();
  say("survived");
  say(rseq_cs(&area));
}

static void read_only_descriptor(void) {
  struct rseq_cs *copy = map(4096);
  *copy = spin_cs;
  sys(mprotect, copy, 4096, PROT_READ);
  registered();
  say(outcome(preempted_inside(copy)));
}

static void larger(void) {
  registered();
  spin_cs.start_ip -= 8; /* more in front than the code that belongs to it */
  spin_cs.post_commit_offset += 8;
  say(outcome(preempted_inside(&spin_cs)));
}

#ifndef __aarch64__
/* abort_ip is where the section ends: the first address that is no longer inside. */
SECTION_AFTER(touching, " movl $1, (%rdx)\n1: pause\n cmpl $0, (%rcx)\n je 1b\n mov $1, %eax\n ret\n .long 0x53053053\n",
              " xor %eax, %eax\n ret\n", " ud2\n");

static volatile int stopped_by_other;
static struct thread helper;

static void stopper(void *unused) {
  while (!inside) yield();
  stopped_by_other = 1;
}

static void abort_at_end(void) {
  registered();
  one_cpu();
  touching_cs.abort_ip = (u64)touching_end;
  start(&helper, stopper, 0);
  say(outcome(touching(&area, &touching_cs, &inside, &stopped_by_other)));
  inside = 1;
}
#endif

/* abort_ip in front of the section, below start_ip. */
extern char before_abort[];
asm(".text\n.long " SIGNATURE_TEXT "\nbefore_abort: " ABORTED);

static void abort_before(void) {
  registered();
  spin_cs.abort_ip = (u64)before_abort;
  say(outcome(preempted_inside(&spin_cs)));
}

/* Nobody asks whether abort_ip is code: the kernel goes there, the processor refuses. */
static void abort_not_code(void) {
  static u32 data[2] = {SIGNATURE, 0};
  registered();
  spin_cs.abort_ip = (u64)&data[1];
  say(outcome(preempted_inside(&spin_cs)));
}

const struct row unchecked_rows[] = {
    {"unchecked.alignment", "a descriptor at an odd address", GET, misaligned},
    {"unchecked.empty", "post_commit_offset 0: no address is inside", GET, empty},
    {"unchecked.not-code", "a section where there is no code", GET, in_code},
    {"unchecked.read-only", "a descriptor that cannot be written", GET, read_only_descriptor},
    {"unchecked.larger", "a section that starts in front of its code", GET, larger},
#ifndef __aarch64__
    {"unchecked.abort-at-end", "abort_ip = start_ip + post_commit_offset", GET, abort_at_end},
#endif
    {"unchecked.abort-before", "abort_ip below start_ip", GET, abort_before},
    {"unchecked.abort-not-code", "abort_ip where there is no code", GET, abort_not_code},
    {0},
};
