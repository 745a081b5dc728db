/* Threads that stand somewhere, for whoever looks at them. Each row says `ready`, waits for the end of its standard input, and exits with 0. */
#include "../../conformance/rows.h"
#include "../../conformance/calls.h"
#include "../../conformance/thread.h"

#define SOURCE "include/uapi/linux/rseq.h"

static void ready(void) { sys(write, 1, "ready\n", 6); }
static char byte;
static void until_the_end(void) { while (sys(read, 0, &byte, 1) > 0); }

static void unregistered(void) {
  ready();
  until_the_end();
  leave(0);
}

static void waiting(void) {
  registered();
  ready();
  until_the_end();
  leave(area.rseq_cs ? 3 : 0);
}

/* Who notices the end of the input while the first thread runs. */
static struct thread watcher;
static void watch(void *unused) {
  ready();
  until_the_end();
  stop = 1;
  leave(0);
}

static void running(void) {
  registered();
  start(&watcher, watch, 0);
  while (!stop) asm volatile("pause");
  for (;;) sys(pause);
}

/* In a section all the time; aborted ever so often, it goes in again. */
static void inside_(void) {
  registered();
  start(&watcher, watch, 0);
  for (;;) spin(&area, &spin_cs, &inside, &stop);
}

/* A section that waits for its input: the thread stands behind the call, inside. */
CALL_SECTION(standing, GOES_ON);
static void in_call(void) {
  registered();
  ready();
  standing(&standing_cs, __NR_read, 0, &byte, 1);
  until_the_end();
  leave(0);
}

/* rseq_cs leads nowhere when the call begins; a switch before it kills. */
static void dangling(void) {
  registered();
  ready();
  area.rseq_cs = 0x10;
  until_the_end();
  leave(0);
}

/* Somebody uses cpu_id_start as his own, as tcmalloc did. */
static void abused(void) {
  registered();
  ready();
  area.cpu_id_start |= 0x80000000;
  until_the_end();
  leave(0);
}

/* Many threads, each with its area: argument 2, or 300. */
#define THREADS 1000
static struct thread many[THREADS];
static struct area areas[THREADS];
static volatile int registered_now, go_on, right;

static void one_of_many(void *argument) {
  struct area *own = argument;
  if (rseq(own, 32, 0, SIGNATURE) == 0) __atomic_add_fetch(&registered_now, 1, __ATOMIC_SEQ_CST);
  while (!go_on) futex_wait(&go_on, 0);
  /* still registered, and still served */
  if (rseq(own, 32, 0, SIGNATURE) == -EBUSY && own->cpu_id < 0xfffffffe && !own->rseq_cs)
    __atomic_add_fetch(&right, 1, __ATOMIC_SEQ_CST);
}

static void many_threads(void) {
  int threads = 0;
  for (const char *digit = arguments[2] ? arguments[2] : "300"; *digit; digit++) threads = 10 * threads + *digit - '0';
  if (threads > THREADS) leave(2);
  for (int i = 0; i < threads; i++) start(&many[i], one_of_many, &areas[i]);
  while (registered_now < threads) yield();
  ready();
  until_the_end();
  go_on = 1;
  futex_wake(&go_on, threads);
  for (int i = 0; i < threads; i++) join(&many[i]);
  leave(right == threads ? 0 : 4);
}

/* Dies in a thread of its own of what argument 2 names, when the input ends. */
static void dies_later(void) {
  registered();
  ready();
  until_the_end();
  area.rseq_cs = 0x10;
  preempted_outside();
  leave(0);
}

/* For a core: at once, in a section and outside. */
static void broken_version(void) {
  registered();
  spin_cs.version = 1;
  preempted_inside(&spin_cs);
}
static void broken_abort_ip(void) {
  registered();
  spin_cs.abort_ip = (u64)map(4096) + 4096;
  sys(munmap, spin_cs.abort_ip - 4096, 4096);
  preempted_inside(&spin_cs);
}
static void broken_rseq_cs(void) {
  registered();
  area.rseq_cs = 0x10;
  preempted_outside();
}

static const struct row standing_rows[] = {
    {"unregistered", "no registration", SOURCE, unregistered},
    {"waiting", "registered, in a call", SOURCE, waiting},
    {"running", "registered, outside of sections", SOURCE, running},
    {"inside", "in a section all the time", SOURCE, inside_},
    {"in-call", "in a call inside a section", SOURCE, in_call},
    {"dangling", "in a call, rseq_cs 0x10", SOURCE, dangling},
    {"abused", "cpu_id_start written to", SOURCE, abused},
    {"many", "as many threads as argument 2 says", SOURCE, many_threads},
    {"dies-later", "rseq_cs 0x10 when the input ends", SOURCE, dies_later},
    {"dies-version", "version 1", SOURCE, broken_version},
    {"dies-abort-ip", "abort_ip where nothing is mapped", SOURCE, broken_abort_ip},
    {"dies-rseq-cs", "rseq_cs 0x10", SOURCE, broken_rseq_cs},
    {0},
};
const struct row *const tables[] = {standing_rows, 0};
