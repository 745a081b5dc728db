/* Threads, processes, CPUs. */
#ifndef THREAD_H
#define THREAD_H

#include "sys.h"
#include <linux/sched.h>
#include <linux/wait.h>

struct thread {
  volatile int tid; /* 0 once it is gone (CLONE_CHILD_CLEARTID) */
  u64 stack[2048] __attribute__((aligned(16)));
};

/* Starts a thread with flags of clone(2); returns what clone returned. */
long clone_with(u64 flags, struct thread *thread, void (*function)(void *), void *argument);
void start(struct thread *thread, void (*function)(void *), void *argument);
void join(struct thread *thread);

/* fork(2); the child must end with leave(). */
long fork(void);
_Noreturn void leave(int status);
/* Waits for a child; its status as wait4 gives it. */
int wait_for(long pid);
/* "exit 3", "SIGSEGV", "stopped by SIGSTOP" */
void say_status(const char *what, int status);
const char *signal_name(int number);

/* The n-th CPU that this process may use, -1 when there are fewer. */
int nth_cpu(int n);
void pin(int cpu);
long pin_thread(int tid, int cpu);
/* All on one CPU: the first that is allowed. Returns its number. */
int one_cpu(void);
/* Skips the row where there is only one. */
void two_cpus(void);
int current_cpu(void);

void yield(void);
void sleep_ms(long milliseconds);
void *map(u64 length);
/* Memory that children share. */
void *map_shared(u64 length);

long futex_wait(volatile int *word, int value);
long futex_wake(volatile int *word, int threads);

#endif
