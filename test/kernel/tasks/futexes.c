#include "tiny.h"

static struct thread threads[8];
static volatile int words[4], awake, results[8];
struct job {
  int word, operation, bits, number;
};
static struct job jobs[8];
static void waiter(void *argument) {
  struct job *job = argument;
  results[job->number] = call(futex, &words[job->word], job->operation, 0, 0, 0, job->bits);
  __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
}
static void begin(int number, int word, int operation, int bits) {
  jobs[number] = (struct job){word, operation, bits, number};
  start(&threads[number], waiter, &jobs[number]);
}
/* All that were begun sleep: a wake would find them. */
static void asleep(void) {
  for (int n = 0; n < 8; n++)
    if (threads[n].tid) until(self(), threads[n].tid, 'S');
}

PART(futexes) {
  struct __kernel_timespec past = {0, 0}, wrong = {0, -1}, some = {0, 3 * MS};
  int value = 1;
  say("other value %ld, unaligned %ld, nowhere %ld, no bits %ld", call(futex, &value, FUTEX_WAIT, 2, 0), call(futex, (char *)&value + 1, FUTEX_WAIT, 1, 0), call(futex, 0, FUTEX_WAIT, 1, 0), call(futex, &value, FUTEX_WAIT_BITSET, 1, 0, 0, 0));
  say("no time %ld, wrong time %ld, some %ld", call(futex, &value, FUTEX_WAIT, 1, &past), call(futex, &value, FUTEX_WAIT, 1, &wrong), call(futex, &value, FUTEX_WAIT_PRIVATE, 1, &some));
  struct __kernel_timespec then;
  for (int clock = 0; clock < 2; clock++) {
    long before = now_(clock);
    call(clock_gettime, clock, &then);
    then.tv_nsec += 5 * MS;
    if (then.tv_nsec >= 1000000000) then.tv_nsec -= 1000000000, then.tv_sec++;
    long got = call(futex, &value, FUTEX_WAIT_BITSET | (clock == 0 ? FUTEX_CLOCK_REALTIME : 0), 1, &then, 0, -1);
    say("until: %ld, not before %d; past: %ld", got, now_(clock) - before >= 5 * MS, call(futex, &value, FUTEX_WAIT_BITSET | (clock == 0 ? FUTEX_CLOCK_REALTIME : 0), 1, &past, 0, -1));
  }
  say("clock with wake %ld, no such %ld, locks %d", call(futex, &value, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1), call(futex, &value, 60, 1), 1);
  say("nobody: %ld %ld", call(futex, &value, FUTEX_WAKE, 1), call(futex, &value, FUTEX_WAKE_BITSET, 1, 0, 0, 0));
  /* private and not are not the same */
  begin(0, 0, FUTEX_WAIT_PRIVATE, 0);
  asleep();
  say("shared wakes %ld, private %ld", call(futex, &words[0], FUTEX_WAKE, 1), call(futex, &words[0], FUTEX_WAKE_PRIVATE, 1));
  join(&threads[0]);
  say("result %d", results[0]);
  /* bits */
  begin(0, 0, FUTEX_WAIT_BITSET, 1), asleep(), begin(1, 0, FUTEX_WAIT_BITSET, 2), asleep(), begin(2, 0, FUTEX_WAIT_BITSET, 3), asleep();
  say("bit 4: %ld, bit 2: %ld, bit 1: %ld", call(futex, &words[0], FUTEX_WAKE_BITSET, 9, 0, 0, 4), call(futex, &words[0], FUTEX_WAKE_BITSET, 1, 0, 0, 2), call(futex, &words[0], FUTEX_WAKE_BITSET, 9, 0, 0, 1));
  for (int n = 0; n < 3; n++) join(&threads[n]);
  /* the first come are the first woken */
  awake = 0;
  for (int n = 0; n < 5; n++) begin(n, 1, FUTEX_WAIT, 0), asleep();
  say("two: %ld", call(futex, &words[1], FUTEX_WAKE, 2));
  join(&threads[0]), join(&threads[1]);
  say("awake %d", awake);
  say("requeue: wrong value %ld, negative %ld, moved %ld", call(futex, &words[1], FUTEX_CMP_REQUEUE, 1, 1, &words[2], 7), call(futex, &words[1], FUTEX_CMP_REQUEUE, -1, 1, &words[2], 0), call(futex, &words[1], FUTEX_CMP_REQUEUE, 1, 1, &words[2], 0));
  join(&threads[2]);
  say("left on the first %ld, on the second %ld", call(futex, &words[1], FUTEX_WAKE, 9), call(futex, &words[2], FUTEX_WAKE, 9));
  join(&threads[3]), join(&threads[4]);
  begin(0, 1, FUTEX_WAIT, 0), asleep();
  say("plain requeue: %ld, then %ld", call(futex, &words[1], FUTEX_REQUEUE, 0, 5, &words[2]), call(futex, &words[2], FUTEX_WAKE, 5));
  join(&threads[0]);
  /* wake and operate */
  begin(0, 1, FUTEX_WAIT, 0), begin(1, 2, FUTEX_WAIT, 0), asleep();
  words[3] = 5;
  say("set, if 5: %ld word %d", call(futex, &words[1], FUTEX_WAKE_OP, 1, 1, &words[3], FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 5)), words[3]);
  join(&threads[0]);
  words[2] = 4;
  say("add, if above 9: %ld word %d", call(futex, &words[1], FUTEX_WAKE_OP, 1, 1, &words[2], FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 9)), words[2]);
  say("or 1 << 4, if below 9: %ld word %d", call(futex, &words[1], FUTEX_WAKE_OP, 1, 1, &words[2], FUTEX_OP(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_LT, 9)), words[2]);
  join(&threads[1]);
  for (int n = 0; n < 2; n++)
    say("andn, xor: %ld word %d", call(futex, &words[1], FUTEX_WAKE_OP, 1, 1, &words[2], FUTEX_OP(n ? FUTEX_OP_XOR : FUTEX_OP_ANDN, n ? -1 : 6, FUTEX_OP_CMP_NE, 0)), words[2]);
  say("no operation %ld", call(futex, &words[1], FUTEX_WAKE_OP, 1, 1, &words[2], FUTEX_OP(7, 1, 0, 0)));
}

struct node {
  struct node *next;
  int lock;
};
static struct {
  struct node *list;
  long offset;
  struct node *pending;
} head;
static struct node nodes[4];
static volatile int locks_taken, lock_waiting;
static void dies(void *argument) {
  (void)argument;
  int tid = call(gettid);
  head.list = &nodes[0], nodes[0].next = &nodes[1], nodes[1].next = &nodes[2], nodes[2].next = (struct node *)&head;
  head.offset = offsetof(struct node, lock);
  head.pending = &nodes[3];
  say("set: %ld, wrong size %ld", call(set_robust_list, &head, 24), call(set_robust_list, &head, 23));
  nodes[0].lock = tid;
  nodes[1].lock = tid | 0x80000000; /* somebody waits */
  nodes[2].lock = 1;                /* another's */
  nodes[3].lock = tid;
  set(&locks_taken, 1);
  await(&lock_waiting, 1);
  until(self(), threads[1].tid, 'S');
}
static void waits_for_lock(void *argument) {
  (void)argument;
  int value = nodes[1].lock;
  set(&lock_waiting, 1);
  long got = call(futex, &nodes[1].lock, FUTEX_WAIT, value, 0);
  say("woken: %ld", got);
}
PART(robust) {
  long list, size;
  start(&threads[0], dies, 0);
  await(&locks_taken, 1);
  call(get_robust_list, threads[0].tid, &list, &size);
  say("get: %d size %ld, own %ld, nobody's %ld", list == (long)&head, size, (call(get_robust_list, 0, &list, &size), list), call(get_robust_list, 999999, &list, &size));
  start(&threads[1], waits_for_lock, 0);
  join(&threads[0]), join(&threads[1]);
  for (int n = 0; n < 4; n++) say("lock %d: %x", n, nodes[n].lock);
}
