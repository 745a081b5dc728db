/* What becomes of a registration in fork, clone, vfork, execve and exit (include/linux/rseq.h rseq_fork, rseq_execve). */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/signal.h>

#define FORK "include/linux/rseq.h rseq_fork"
#define EXEC "include/linux/rseq.h rseq_execve"
#define EXIT "kernel/exit.c do_exit"

static struct thread other;
static struct area second;

/* Ends a child with the row's text said by it. */
static void in_child(void (*function)(void)) {
  long pid = fork();
  if (pid == 0) {
    function();
    leave(0);
  }
  int status = wait_for(pid);
  if (status) say_status("child", status);
  else said();
}

static void in_registered_child(void (*function)(void)) {
  registered();
  in_child(function);
}

static void again(void) { say("child: %e", rseq(&area, 32, 0, SIGNATURE)); }
static void inherits(void) { in_registered_child(again); }

static void fields(void) {
  one_cpu();
  say("cpu_id %s", (int)area.cpu_id == current_cpu() ? "= getcpu" : "differs from getcpu");
}
static void child_fields(void) { in_registered_child(fields); }

static void abort_in_child(void) { say("child's section %s", outcome(preempted_inside(&spin_cs))); }
static void child_section(void) { in_registered_child(abort_in_child); }

static void unregister(void) { say("child unregisters: %e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE)); }
static void child_unregisters(void) {
  in_registered_child(unregister);
  say("parent: %e", rseq(&area, 32, 0, SIGNATURE));
}

static void violation(void) {
  area.rseq_cs = 0x10;
  preempted_outside();
}
static void child_violates(void) { in_registered_child(violation); }

static void again_in_child(void) { in_child(again); }
static void grandchild(void) { in_registered_child(again_in_child); }

static void unregistered_parent(void) { in_child(again); }

/* ------------------------------------------------------------------- threads */

static void in_thread(void *unused) {
  say("unregister: %e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
  say("register another area: %e", rseq(&second, 32, 0, SIGNATURE));
}

static void thread(void) {
  registered();
  start(&other, in_thread, 0);
  join(&other);
  say("first thread: %e", rseq(&area, 32, 0, SIGNATURE));
}

static void same_area(void *unused) { say("same area: %e", rseq(&area, 32, 0, SIGNATURE)); }

static void thread_same_area(void) {
  registered();
  start(&other, same_area, 0);
  join(&other);
}

static void leave_thread(void *unused) {
  in_thread(0);
  leave(0);
}

static void shares_memory(void) {
  registered();
  long pid = clone_with(CLONE_VM | SIGCHLD, &other, leave_thread, 0);
  wait_for(pid);
}

static void vfork(void) {
  registered();
  long pid = clone_with(CLONE_VM | CLONE_VFORK | SIGCHLD, &other, leave_thread, 0);
  wait_for(pid);
  say("parent: %e", rseq(&area, 32, 0, SIGNATURE));
}

/* -------------------------------------------------------------------- execve */

static void exec_again(const char *row) {
  char *again[] = {arguments[0], (char *)row, "again", 0};
  long result = sys(execve, "/proc/self/exe", again, again + 3);
  if (result == -ENOENT) result = sys(execve, arguments[0], again, again + 3);
  say("execve: %e", result);
}

static void exec(void) {
  if (arguments[2]) {
    say("unregister: %e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
    say("register: %e", rseq(&area, 64, 0, 7));
    return;
  }
  registered();
  exec_again("exec.clears");
}

static void exec_rseq_cs(void) {
  if (arguments[2]) {
    preempted_outside();
    say("survived");
    return;
  }
  registered();
  exec_again("exec.area-gone");
}

static void failed_exec(void) {
  registered();
  char *nothing[] = {0};
  say("execve: %e", sys(execve, "/there/is/no/such/file", nothing, nothing));
  say("register: %e", rseq(&area, 32, 0, SIGNATURE));
}

/* ---------------------------------------------------------------------- exit */

static void register_and_end(void *at) { say("register: %e", rseq(at, 32, 0, SIGNATURE)); }

static void exit_reuse(void) {
  for (int i = 0; i < 2; i++) {
    start(&other, register_and_end, &area);
    join(&other);
  }
  say("cpu_id %s", (int)area.cpu_id >= 0 ? "as it was" : "-1");
}

static void exit_unmapped_later(void) {
  struct area *page = map(4096);
  start(&other, register_and_end, page);
  join(&other);
  sys(munmap, page, 4096);
  preempted_outside();
  say("survived");
}

/* A switch between munmap and exit would kill: another child then. */
static void exit_unmapped(void) {
  int status = 0;
  for (int i = 0; i < 50; i++) {
    long pid = fork();
    if (pid == 0) {
      struct area *page = map(4096);
      rseq(page, 32, 0, SIGNATURE);
      sys(munmap, page, 4096);
      leave(3);
    }
    status = wait_for(pid);
    if (!(status & 0x7f)) break;
  }
  say_status("child", status);
}

const struct row family_rows[] = {
    {"fork.inherits", "fork(2): the child registers the same again", FORK, inherits},
    {"fork.fields", "cpu_id in the child", FORK, child_fields},
    {"fork.section", "the child is preempted in a section", FORK, child_section},
    {"fork.unregister", "the child unregisters; the parent registers again", FORK, child_unregisters},
    {"fork.violation", "the child breaks a rule: it dies, not its parent", FORK, child_violates},
    {"fork.grandchild", "fork(2) twice", FORK, grandchild},
    {"fork.unregistered", "a parent without registration", FORK, unregistered_parent},
    {"clone.thread", "a thread starts without registration", FORK, thread},
    {"clone.same-area", "a thread registers the area of another: nobody checks", "kernel/rseq.c SYSCALL_DEFINE4(rseq)", thread_same_area},
    {"clone.vm", "clone(2) with CLONE_VM, a process of its own", FORK, shares_memory},
    {"clone.vfork", "vfork: CLONE_VM and CLONE_VFORK", FORK, vfork},
    {"exec.clears", "execve(2) ends the registration", EXEC, exec},
    {"exec.area-gone", "after execve(2) nothing is written", EXEC, exec_rseq_cs},
    {"exec.failed", "an execve(2) that fails changes nothing", EXEC, failed_exec},
    {"exit.reuse", "a registered thread ends, another registers the same area", EXIT, exit_reuse},
    {"exit.unmap-later", "the area of a thread that has ended is unmapped", EXIT, exit_unmapped_later},
    {"exit.unmapped", "a process ends whose area is unmapped", EXIT, exit_unmapped},
    {0},
};
