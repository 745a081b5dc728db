#include "tiny.h"

struct itimerval_ {
  struct {
    long sec, usec;
  } interval, value;
};
static volatile int ticks[65], overruns, code_seen;
static volatile long value_seen, taker;
static void tick(int signal, struct info *info) {
  ticks[signal]++;
  code_seen = info->code;
  if (info->code == -2) overruns += info->overrun, value_seen = info->timer_value;
  taker = call(gettid);
}
static void spin(long ns, int clock) {
  long begin = now_(clock);
  while (now_(clock) - begin < ns) {
  }
}
static void wait_ticks(int signal, int count) {
  while (ticks[signal] < count) nap(MS / 2);
}
static struct thread thread;
static int timer;
static volatile int done;
static void waits_for_done(void *argument) {
  (void)argument;
  await(&done, 1);
}

PART(timers) {
  struct itimerval_ set_ = {{0, 0}, {0, 0}}, old;
  for (int n = -1; n < 14; n++) {
    struct __kernel_timespec time;
    say("clock %d: %ld resolution %ld", n, call(clock_gettime, n, &time), n < 0 || n == 8 || n == 9 ? 0 : call(clock_getres, n, 0));
  }
  long mono = now_(1), real = now_(0);
  spin(MS, 1);
  say("they go forward: %d %d, boot %d", now_(1) > mono, now_(0) > real, now_(7) >= mono);
  long own = now_(3), all = now_(2);
  spin(MS, 3);
  say("time of the thread %d, of the process %d, of its number %d", now_(3) >= own + MS, now_(2) >= all + MS, now_((~self() << 3) | 2) >= all);
  struct __kernel_timespec wrong = {-1, 0}, wrong2 = {0, 1000000000}, none = {0, 0}, past = {1, 0};
  say("nanosleep: %ld %ld %ld %ld", call(nanosleep, &wrong, 0), call(nanosleep, &wrong2, 0), call(nanosleep, 8, 0), call(nanosleep, &none, 0));
  say("clock_nanosleep: thread's %ld, coarse %ld, none %ld, past %ld", call(clock_nanosleep, 3, 0, &none, 0), call(clock_nanosleep, 5, 0, &none, 0), call(clock_nanosleep, 12, 0, &none, 0), call(clock_nanosleep, 0, 1, &past, 0));

  handle(ALRM, tick, SIGINFO), handle(VTALRM, tick, SIGINFO), handle(PROF, tick, SIGINFO), handle(RT, tick, SIGINFO), handle(USR1, tick, SIGINFO);
  set_.value.usec = 1000000;
  say("setitimer: wrong time %ld, wrong timer %ld", call(setitimer, 0, &set_, 0), (set_.value.usec = 1, call(setitimer, 3, &set_, 0)));
  set_.value.sec = 100, set_.value.usec = 0, set_.interval.sec = 7;
  say("set %ld", call(setitimer, 0, &set_, 0));
  say("get %ld: interval %ld left %d", call(getitimer, 0, &old), old.interval.sec, old.value.sec >= 98);
  say("alarm %d, then %ld", call(alarm, 50) >= 98, call(alarm, 0));
  call(getitimer, 0, &old);
  say("off: %ld %ld %ld", old.interval.sec, old.value.sec, old.value.usec);
  set_ = (struct itimerval_){{0, 2000}, {0, 1000}};
  call(setitimer, 0, &set_, 0);
  wait_ticks(ALRM, 4);
  set_ = (struct itimerval_){{0, 0}, {0, 0}};
  say("real: code %d, %ld", code_seen, call(setitimer, 0, &set_, 0));
  set_.value.usec = 2000;
  call(setitimer, 1, &set_, 0), call(setitimer, 2, &set_, 0);
  while (ticks[VTALRM] < 1 || ticks[PROF] < 1) {
  }
  say("virtual %d, prof %d", ticks[VTALRM], ticks[PROF]);
  ticks[ALRM] = 0;

  /* POSIX timers */
  struct {
    long value;
    int signal, notify, thread;
    char rest[44];
  } event = {12345, RT, 0, 0, {0}};
  struct {
    struct __kernel_timespec interval, value;
  } spec = {{0, 0}, {0, 2 * MS}}, was;
  say("create: no clock %ld, no timer %ld, no signal %ld, no way %ld, no thread %ld", call(timer_create, 10, 0, &timer), call(timer_create, 5, 0, &timer), (event.signal = 0, call(timer_create, 1, &event, &timer)), (event.signal = RT, event.notify = 9, call(timer_create, 1, &event, &timer)), (event.notify = 4, event.thread = 1, call(timer_create, 1, &event, &timer)));
  event.notify = 0;
  say("create %ld", call(timer_create, 1, &event, &timer));
  say("settime %ld, wrong %ld, nobody's %ld", call(timer_settime, timer, 0, &spec, &was), call(timer_settime, timer, 0, 0, 0), call(timer_settime, 99, 0, &spec, 0));
  say("was %ld %ld", was.value.tv_sec, was.value.tv_nsec);
  wait_ticks(RT, 1);
  say("fired: code %d value %ld overruns %d", code_seen, value_seen, overruns);
  call(timer_gettime, timer, &was);
  say("then %ld %ld", was.value.tv_sec, was.value.tv_nsec);
  /* what goes off while its signal waits is counted */
  block(BIT(RT));
  spec.interval.tv_nsec = MS;
  call(timer_settime, timer, 0, &spec, 0);
  nap(20 * MS);
  spec.interval.tv_nsec = 0;
  unblock(BIT(RT));
  say("overruns %d, as told %d", overruns >= 15, call(timer_getoverrun, timer) == overruns || ticks[RT] > 2);
  say("delete %ld, again %ld", call(timer_delete, timer), call(timer_delete, timer));
  /* for one thread */
  start(&thread, waits_for_done, 0);
  event.notify = 4, event.thread = thread.tid, event.signal = USR1;
  call(timer_create, 0, &event, &timer);
  struct __kernel_timespec at;
  call(clock_gettime, 0, &at);
  spec.value = at, spec.value.tv_nsec += MS;
  if (spec.value.tv_nsec >= 1000000000) spec.value.tv_nsec -= 1000000000, spec.value.tv_sec++;
  call(timer_settime, timer, 1, &spec, 0);
  wait_ticks(USR1, 1);
  say("for the thread: %d", taker == thread.tid);
  set(&done, 1), join(&thread);
  /* none, and CPU time */
  event.notify = 1;
  call(timer_create, 1, &event, &timer);
  spec.value = (struct __kernel_timespec){0, MS};
  call(timer_settime, timer, 0, &spec, 0);
  nap(3 * MS);
  call(timer_gettime, timer, &was);
  say("none: %ld %ld", was.value.tv_sec, was.value.tv_nsec);
  call(timer_delete, timer);
  ticks[RT] = 0, event.notify = 0, event.signal = RT;
  call(timer_create, 3, &event, &timer);
  call(timer_settime, timer, 0, &spec, 0);
  nap(5 * MS);
  int idle = ticks[RT];
  while (ticks[RT] == 0) {
  }
  say("CPU time: asleep %d, awake %d", idle, ticks[RT]);
  int status;
  long child = call(fork);
  if (child == 0) leave(call(timer_delete, timer) == -22);
  call(wait4, child, &status, 0, 0);
  say("not the child's: %x", status);
}

PART(sched) {
  ulong mask[16], all;
  long size = call(sched_getaffinity, 0, sizeof mask, mask);
  all = mask[0];
  say("get %d; small %ld odd %ld none %ld nobody %ld", size > 0 && size % 8 == 0, call(sched_getaffinity, 0, 4, mask) > 0 ? 0 : -22l, call(sched_getaffinity, 0, 12, mask), call(sched_getaffinity, 0, 0, mask), call(sched_getaffinity, 999999, 8, mask));
  zero(mask, sizeof mask);
  say("set: none %ld, nowhere %ld, nobody %ld", call(sched_setaffinity, 0, 8, mask), call(sched_setaffinity, 0, 8, 8), (mask[0] = 1, call(sched_setaffinity, 999999, 8, mask)));
  unsigned cpu = 99, node = 99;
  for (int n = 0; n < 2; n++) {
    mask[0] = 1ul << n, mask[1] = ~0ul;
    long got = call(sched_setaffinity, 0, n ? 1 : 16, mask);
    call(getcpu, &cpu, &node, 0);
    say("on %d: %ld cpu %d node %d", n, got, cpu, node);
    call(sched_getaffinity, 0, sizeof mask, mask);
    say("mask %lx", mask[0]);
  }
  mask[0] = all;
  call(sched_setaffinity, 0, 8, mask);
  int parameter = 0;
  say("scheduler %ld", call(sched_getscheduler, 0));
  say("set: batch %ld, wrong %ld %ld, priority %ld %ld, nobody %ld, nothing %ld", call(sched_setscheduler, 0, 3, &parameter), call(sched_setscheduler, 0, 4, &parameter), call(sched_setscheduler, 0, -1, &parameter), call(sched_setscheduler, 0, 1, &parameter), (parameter = 5, call(sched_setscheduler, 0, 0, &parameter)), (parameter = 0, call(sched_setscheduler, 999999, 0, &parameter)), call(sched_setscheduler, 0, 0, 0));
  say("now %ld", call(sched_getscheduler, 0));
  parameter = 77;
  say("param %ld %d", call(sched_getparam, 0, &parameter), parameter);
  for (int policy = -1; policy < 8; policy++) say("policy %d: %ld to %ld", policy, call(sched_get_priority_min, policy), call(sched_get_priority_max, policy));
  say("nice %ld; wrong %ld, nobody %ld", call(getpriority, 0, 0), call(getpriority, 3, 0), call(getpriority, 0, 999999));
  say("set %ld, now %ld", call(setpriority, 0, 0, 5), call(getpriority, 0, 0));
  say("set %ld, now %ld", call(setpriority, 0, 0, 50), call(getpriority, 0, 0));
  int status;
  long child = call(fork);
  if (child == 0) leave(call(getpriority, 0, 0));
  call(wait4, child, &status, 0, 0);
  say("child's %d", status >> 8);
}
