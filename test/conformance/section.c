/* The sections that many rows use, and who interrupts them. */
#include "calls.h"
#include "thread.h"
#include <linux/mman.h>

struct area area;
volatile int inside, stop;

#ifdef __aarch64__
SECTION(spin, " mov w4, #1\n"
              " str w4, [x2]\n"
              "1: yield\n"
              " ldr w5, [x3]\n"
              " cbz w5, 1b\n");
#else
SECTION(spin, " movl $1, (%rdx)\n"
              "1: pause\n"
              " cmpl $0, (%rcx)\n"
              " je 1b\n");
#endif

volatile struct counts counts __attribute__((aligned(4096)));

void share_counts(void) {
  sys(mmap, &counts, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

void registered(void) {
  long result = rseq(&area, 32, 0, SIGNATURE);
  if (result == 0) return;
  if (result == -ENOSYS) skip("no rseq(2) here");
  say("rseq: %e", result);
  done();
}

static struct thread other;

/* Runs on the CPU of the first thread, so what it sees of that one was there when it lost the CPU. */
static void preempter(void *unused) {
  while (!inside) yield();
  stop = 1;
}

long preempted_inside(struct rseq_cs *cs) {
  one_cpu();
  inside = stop = 0;
  start(&other, preempter, 0);
  long committed = spin(&area, cs, &inside, &stop);
  stop = 1;
  inside = 1;
  join(&other);
  return committed;
}

void preempted_outside(void) {
  one_cpu();
  inside = stop = 0;
  start(&other, preempter, 0);
  inside = 1;
  while (!stop) asm volatile("pause");
  join(&other);
}
