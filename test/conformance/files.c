/* Pipes, eventfd, poll. */
#include "rows.h"
#include "signals.h"
#include "thread.h"
#include <linux/fcntl.h>
#include <linux/poll.h>

#define PIPE "fs/pipe.c"
#define EVENTFD "fs/eventfd.c"
#define POLL "fs/select.c do_poll"

static struct thread other;
static volatile int woken;

static int ends[2];
static char buffer[70000];

static void pipe_ends(void) {
  sys(pipe2, ends, O_NONBLOCK);
  say("empty %e", sys(read, ends[0], buffer, 1));
  say("wrong end %e", sys(read, ends[1], buffer, 1));
  say("write %e", sys(write, ends[1], buffer, 5000));
  say("read %e", sys(read, ends[0], buffer, 65536));
  long all = 0, one;
  while ((one = sys(write, ends[1], buffer, 4096)) > 0) all += one;
  say("holds %d, then %e", all, one);
  say("bad address %e", sys(read, ends[0], (void *)0x10000, 1));
  sys(close, ends[1]);
  for (all = 0; (one = sys(read, ends[0], buffer, sizeof buffer)) > 0;) all += one;
  say("left %d, then %e", all, one);
}

static void no_reader(void) {
  on_signal(SIGPIPE, (handler *)1, 0);
  sys(pipe2, ends, 0);
  sys(close, ends[0]);
  say("%e", sys(write, ends[1], buffer, 1));
  long pid = fork();
  if (pid == 0) {
    on_signal(SIGPIPE, 0, 0);
    sys(write, ends[1], buffer, 1);
    leave(0);
  }
  say_status("child", wait_for(pid));
}

/* More than a pipe holds: written as the other side reads. */
static volatile long taken;
static void reads(void *unused) {
  long one;
  while ((one = sys(read, ends[0], buffer, 1000)) > 0) taken += one;
}

static void large_write(void) {
  sys(pipe2, ends, 0);
  start(&other, reads, 0);
  say("%d", sys(write, ends[1], buffer, 70000) + sys(write, ends[1], buffer, 70000));
  sys(close, ends[1]);
  join(&other);
  say("%d", taken);
}

static void descriptors(void) {
  sys(pipe2, ends, 0);
  long copy = sys(dup, ends[0]);
  sys(close, ends[0]);
  say("close twice %e", sys(close, ends[0]));
  sys(write, ends[1], "x", 1);
  say("copy %e", sys(read, copy, buffer, 9));
  say("lowest %s", sys(dup, copy) == ends[0] ? "taken" : "not taken");
  say("dup2 to itself %s", sys(dup2, copy, copy) == copy ? "ok" : "fails");
  say("dup3 to itself %e", sys(dup3, copy, copy, 0));
  say("dup2 of nothing %e", sys(dup2, 900, 901));
  say("flags %d", sys(fcntl, copy, F_GETFD));
  say("lseek %s", sys(lseek, copy, 0, 0) == -ESPIPE ? "ESPIPE" : "works");
}

/* -------------------------------------------------------------- eventfd and poll */

static void eventfds(void) {
  long value = 0, large = -2, event = sys(eventfd2, 3, O_NONBLOCK);
  say("%e", sys(read, event, &value, 8));
  say("%d", value);
  say("empty %e", sys(read, event, &value, 8));
  say("short %e", sys(read, event, &value, 4));
  value = -1;
  say("2^64 - 1 %e", sys(write, event, &value, 8));
  sys(write, event, &large, 8);
  value = 1;
  say("full %e", sys(write, event, &value, 8));
  event = sys(eventfd2, 2, 1); /* EFD_SEMAPHORE */
  sys(read, event, &value, 8);
  say("semaphore %d", value);
  sys(read, event, &value, 8);
  say("%d", value);
}

static void say_poll(const char *what, struct pollfd *all, int count, int time) {
  long result = sys(poll, all, count, time);
  say("%s %e", what, result);
  for (int i = 0; i < count; i++) say("%x", (u64)all[i].revents);
}

static void polls(void) {
  sys(pipe2, ends, 0);
  struct pollfd all[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 7}};
  say_poll("both ends and none", all, 3, -1);
  say_poll("time out", all, 1, 2);
  sys(write, ends[1], "x", 1);
  sys(close, ends[1]);
  say_poll("a byte, closed", all, 1, -1);
  sys(read, ends[0], buffer, 1);
  say_poll("closed", all, 1, -1);
  say_poll("no such file", all + 1, 1, -1);
}

static void writes_later(void *unused) {
  while (!woken) yield();
  sleep_ms(1);
  sys(write, ends[1], "x", 1);
}

static void poll_waits(void) {
  sys(pipe2, ends, 0);
  start(&other, writes_later, 0);
  struct pollfd one = {ends[0], POLLIN, 0};
  woken = 1;
  say_poll("readable", &one, 1, 60000);
  join(&other);
}

const struct row file_rows[] = {
    {"pipe.ends", "a pipe", PIPE, pipe_ends},
    {"pipe.no-reader", "EPIPE and SIGPIPE", PIPE, no_reader},
    {"pipe.large-write", "a write of more than a pipe holds", PIPE, large_write},
    {"files.descriptors", "dup(2), dup2(2), close(2)", "fs/file.c", descriptors},
    {"eventfd.counts", "an eventfd", EVENTFD, eventfds},
    {"poll.ready", "poll(2)", POLL, polls},
    {"poll.waits", "poll(2) waits", POLL, poll_waits},
    {0},
};
