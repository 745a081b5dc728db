#include "all.h"
#include "sections.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* Threads share what belongs to CPUs: counters, lists and locks, by restartable sections only; nothing may be lost.
 *   rseq [THREADS [ROUNDS]]   standard error says how often sections were aborted */
enum { CPUS = 64, NODES = 64 };

static struct {
	_Alignas(64) long counter;
	void *list;
	long lock, under_lock;
} cpus[CPUS];
static struct node {
	struct node *next;
	long takes;
	atomic_int out; /* of the lists, at a thread */
} nodes[NODES];
static atomic_long aborts, moves, by_handler;
static int rounds;

/* The C library's registration, or one's own where it makes none. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
static __thread struct rseq own __attribute__((aligned(32)));
static __thread struct rseq *volatile current;

static void attach(void)
{
	if (&__rseq_size && __rseq_size) {
		current = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	} else {
		CHECK(syscall(SYS_rseq, &own, 32, 0, SIGNATURE) == 0);
		current = &own;
	}
	CHECK((int)current->cpu_id >= 0 && current->cpu_id < CPUS);
}

static int cpu_now(void) { return __atomic_load_n(&current->cpu_id_start, __ATOMIC_RELAXED); }

/* Counts why a section has to be tried again; true if it has. */
static int again(enum ending ending)
{
	if (ending == ABORTED)
		atomic_fetch_add(&aborts, 1);
	if (ending == MOVED)
		atomic_fetch_add(&moves, 1);
	return ending == ABORTED || ending == MOVED;
}

static void count(void)
{
	int cpu;
	do
		cpu = cpu_now();
	while (again(add(current, cpu, &cpus[cpu].counter, 1)));
}

static void push(struct node *node)
{
	int cpu;
	enum ending ending;
	atomic_store(&node->out, 0);
	do {
		cpu = cpu_now();
		void *head = __atomic_load_n(&cpus[cpu].list, __ATOMIC_RELAXED);
		node->next = head;
		ending = exchange(current, cpu, (long *)&cpus[cpu].list, (long)head, (long)node);
	} while (again(ending) || ending == DIFFERENT);
}

static struct node *pop(void)
{
	int cpu;
	void *taken;
	enum ending ending;
	do {
		cpu = cpu_now();
		ending = take(current, cpu, &cpus[cpu].list, &taken);
	} while (again(ending));
	return ending == DIFFERENT ? NULL : taken;
}

static void locked(void)
{
	int cpu;
	enum ending ending;
	do {
		cpu = cpu_now();
		ending = exchange(current, cpu, &cpus[cpu].lock, 0, 1);
		if (ending == DIFFERENT)
			sched_yield();
	} while (again(ending) || ending == DIFFERENT);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	cpus[cpu].under_lock++;
	__atomic_store_n(&cpus[cpu].lock, 0, __ATOMIC_RELEASE);
}

static void handler(int number)
{
	(void)number;
	if (current == NULL) /* a thread that begins or ends */
		return;
	count();
	atomic_fetch_add(&by_handler, 1);
}

static atomic_int running;
static void *work(void *argument)
{
	attach();
	for (int n = 0; n < rounds; n++) {
		count();
		locked();
		struct node *node = pop();
		if (node) {
			CHECK(atomic_exchange(&node->out, 1) == 0);
			node->takes++;
			push(node);
		}
	}
	atomic_fetch_sub(&running, 1);
	int to_end = current == &own; /* glibc ends its registration itself */
	current = NULL;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (to_end)
		CHECK(syscall(SYS_rseq, &own, 32, RSEQ_FLAG_UNREGISTER, SIGNATURE) == 0);
	return argument;
}

int rseq(int argc, char **argv)
{
	int count_of_threads = argc > 1 ? atoi(argv[1]) : 6;
	rounds = argc > 2 ? atoi(argv[2]) : 500;
	attach();
	for (int n = 0; n < NODES; n++)
		push(&nodes[n]);
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	pthread_t ids[count_of_threads];
	running = count_of_threads;
	for (int n = 0; n < count_of_threads; n++)
		CHECK(pthread_create(&ids[n], NULL, work, NULL) == 0);
	while (running) {
		for (int n = 0; n < count_of_threads; n++)
			pthread_kill(ids[n], SIGUSR1);
		usleep(100);
	}
	for (int n = 0; n < count_of_threads; n++)
		CHECK(pthread_join(ids[n], NULL) == 0);

	long sum = -by_handler, under_lock = 0, listed = 0;
	for (int cpu = 0; cpu < CPUS; cpu++) {
		sum += cpus[cpu].counter;
		under_lock += cpus[cpu].under_lock;
		for (struct node *node = cpus[cpu].list; node; node = node->next)
			listed++;
	}
	printf("%d threads, %d rounds: counted %ld, under locks %ld, listed %ld\n", count_of_threads, rounds, sum, under_lock, listed);
	fprintf(stderr, "aborts %ld, moves %ld, signals %ld\n", atomic_load(&aborts), atomic_load(&moves), atomic_load(&by_handler));
	return sum == (long)count_of_threads * rounds && under_lock == sum && listed == NODES ? 0 : 1;
}
