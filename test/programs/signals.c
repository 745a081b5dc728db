#include "all.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

/* Handlers: arguments, masks, nesting, the alternate stack, returning with changed registers, waiting. */
static volatile sig_atomic_t order[8], orders;

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags, int masked)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
	sigemptyset(&action.sa_mask);
	if (masked)
		sigaddset(&action.sa_mask, masked);
	CHECK(sigaction(number, &action, NULL) == 0);
}

static void noted(int number, siginfo_t *info, void *context)
{
	(void)context;
	CHECK(info->si_signo == number);
	order[orders++] = number;
}

static void nests(int number, siginfo_t *info, void *context)
{
	noted(number, info, context);
	raise(SIGUSR2);
	order[orders++] = -number;
}

static void basics(void)
{
	install(SIGUSR2, noted, 0, 0);
	install(SIGUSR1, nests, 0, 0);
	raise(SIGUSR1);
	install(SIGUSR1, nests, 0, SIGUSR2);
	raise(SIGUSR1);
	printf("order:");
	for (int n = 0; n < orders; n++)
		printf(" %d", order[n]);
	printf("\n");

	sigset_t set, old, pending;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	orders = 0;
	kill(getpid(), SIGUSR2);
	kill(getpid(), SIGUSR2);
	CHECK(sigpending(&pending) == 0);
	printf("pending %d, delivered %d\n", sigismember(&pending, SIGUSR2), (int)orders);
	sigset_t none;
	sigemptyset(&none);
	CHECK(sigsuspend(&none) == -1 && errno == EINTR);
	printf("delivered %d\n", (int)orders);
	for (int n = 1; n <= 3; n++)
		CHECK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = n * 11}) == 0);
	for (int n = 1; n <= 3; n++) {
		siginfo_t info;
		CHECK(sigwaitinfo(&set, &info) == SIGRTMIN);
		printf("queued %d code %d\n", info.si_value.sival_int, info.si_code);
	}
	struct timespec moment = {0, 1000000};
	CHECK(sigtimedwait(&set, NULL, &moment) == -1 && errno == EAGAIN);
	sigprocmask(SIG_SETMASK, &old, NULL);
	CHECK(signal(SIGPIPE, SIG_IGN) == SIG_DFL && raise(SIGPIPE) == 0);
}

static char *page, *alternate;
static sigjmp_buf back;
static volatile sig_atomic_t faults, on_alternate;

static void fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	char here;
	on_alternate = &here >= alternate && &here < alternate + 65536;
	printf("signal %d code %d at page+%ld\n", number, info->si_code, (long)((char *)info->si_addr - page));
	faults++;
	CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
}

static void leave(int number, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	siglongjmp(back, number);
}

static void skips(int number, siginfo_t *info, void *context)
{
	(void)info;
	ucontext_t *user = context;
#ifdef __aarch64__
	printf("signal %d, x0 %lx\n", number, (long)user->uc_mcontext.regs[0]);
	user->uc_mcontext.pc += 4;
	user->uc_mcontext.regs[0] = 77;
#else
	printf("signal %d, trap %lld, rax %llx\n", number, (long long)user->uc_mcontext.gregs[REG_TRAPNO],
	       (unsigned long long)user->uc_mcontext.gregs[REG_RAX]);
	user->uc_mcontext.gregs[REG_RIP] += 2;
	user->uc_mcontext.gregs[REG_RAX] = 77;
#endif
}

static void broke(int number, siginfo_t *info, void *context)
{
	noted(number, info, context);
#ifdef __aarch64__
	/* brk, unlike int3, is where the thread goes on. */
	((ucontext_t *)context)->uc_mcontext.pc += 4;
#endif
}

static int recursion(volatile char *above)
{
	volatile char filler[4096];
	filler[0] = above ? above[0] : 1;
	return recursion(filler) + filler[0];
}

static void faulting(void)
{
	alternate = malloc(65536);
	stack_t stack = {.ss_sp = alternate, .ss_size = 65536}, old;
	CHECK(sigaltstack(&stack, NULL) == 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	install(SIGSEGV, fault, SA_ONSTACK, 0);
	*(volatile int *)(page + 128) = 7;
	printf("value %d, faults %d, on the alternate stack %d\n", *(int *)(page + 128), faults, on_alternate);
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == alternate && old.ss_flags == 0);

	install(SIGSEGV, leave, SA_ONSTACK, 0);
	install(SIGFPE, leave, 0, 0);
	if (sigsetjmp(back, 1) == 0)
		*(volatile int *)8 = 1;
	else
		printf("left a null pointer\n");
	volatile int zero = 0;
	int number = sigsetjmp(back, 1);
	if (number == 0)
		printf("%d\n", (zero + 7) / zero);
	printf("left a division: %d\n", number);
	number = sigsetjmp(back, 1);
	if (number == 0)
		printf("%d\n", recursion(NULL));
	printf("left a stack overflow: %d\n", number);

	install(SIGILL, skips, 0, 0);
#ifdef __aarch64__
	register unsigned long result __asm__("x0") = 0x1234;
	__asm__ volatile("udf #0" : "+r"(result));
#else
	unsigned long result = 0x1234;
	__asm__ volatile("ud2" : "+a"(result));
#endif
	printf("went on with %lu\n", result);
	install(SIGTRAP, broke, 0, 0);
	orders = 0;
#ifdef __aarch64__
	__asm__ volatile("brk #0");
#else
	__asm__ volatile("int3");
#endif
	printf("breakpoint %d\n", (int)order[0]);
}

static pthread_t target;
static volatile sig_atomic_t right_thread;
static void who(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	right_thread = pthread_equal(pthread_self(), target);
}
static void *sleeper(void *argument)
{
	int *pipe_ends = argument;
	char byte = 'r';
	CHECK(write(pipe_ends[1], &byte, 1) == 1);
	CHECK(usleep(3600u * 1000000u) == -1 && errno == EINTR);
	return NULL;
}

static void to_threads(void)
{
	int ends[2];
	char byte;
	CHECK(pipe(ends) == 0);
	install(SIGUSR1, who, SA_RESTART, 0);
	pthread_create(&target, NULL, sleeper, ends);
	CHECK(read(ends[0], &byte, 1) == 1);
	/* the sleeper may not sleep yet: again until its handler ran and its sleep ended */
	while (pthread_kill(target, SIGUSR1) == 0 && pthread_tryjoin_np(target, NULL) != 0)
		usleep(1000);
	printf("right thread %d\n", right_thread);
}

int signals(int argc, char **argv)
{
	(void)argc, (void)argv;
	setvbuf(stdout, NULL, _IOLBF, 0);
	basics();
	faulting();
	to_threads();
	return 0;
}

/* Interval timers, and what they do to a system call that waits: restarted, or ended with EINTR. */
static volatile sig_atomic_t ticks;
static int ends[2];
static void tick(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	if (++ticks % 3 == 0)
		CHECK(write(ends[1], "x", 1) == 1);
}

int timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	char byte;
	CHECK(pipe(ends) == 0);
	struct itimerval often = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
	install(SIGALRM, tick, SA_RESTART, 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	CHECK(read(ends[0], &byte, 1) == 1);
	printf("restarted: %c after %s ticks\n", byte, ticks >= 3 ? "three" : "too few");
	install(SIGALRM, tick, 0, 0);
	ticks = 0;
	CHECK(read(ends[0], &byte, 1) == -1 && errno == EINTR);
	printf("not restarted\n");
	while (ticks < 10)
		;
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
	printf("a loop was interrupted\n");
	struct timespec before, after, nap = {0, 5000000}, left;
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK(nanosleep(&nap, &left) == 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long long passed = (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec;
	printf("slept %s\n", passed >= 5000000 ? "enough" : "too little");
	ticks = 0;
	CHECK(alarm(1) == 0 && pause() == -1 && errno == EINTR);
	printf("alarm %d\n", ticks);
	return 0;
}

/* Ends by a signal that nobody handles: crash SIGNAL|null|abort|stack */
int crash(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "null";
	fprintf(stderr, "crash by %s\n", how);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "stack"))
		return recursion(NULL);
	if (atoi(how))
		raise(atoi(how));
	*(volatile int *)16 = 1;
	return 0;
}
