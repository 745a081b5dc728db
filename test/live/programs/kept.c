/*
 * A process with a bit of everything that a checkpoint keeps, or refuses:  kept MODE GO
 *
 * It prints `ready`, waits until there is a file GO, and says of each thing whether it is what it was. The modes that are refused only wait.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MEMBARRIER_GET 512
#define MEMBARRIER_REGISTER 16

static const char *go;

static void say(const char *name, int right)
{
	printf("%s: %s\n", name, right ? "right" : "wrong");
}

static void ready(void)
{
	struct timespec tick = { 0, 2000000 };
	struct stat stat_;

	printf("ready\n");
	while (stat(go, &stat_) != 0)
		nanosleep(&tick, 0);
}

/* Pipes: what waits in them, their size, packets, what descriptors share. */
static int pipe_[2], packets[2], first, second, third, event;

static void make_files(const char *self)
{
	char bytes[5000], ten[10];

	for (int i = 0; i < 5000; i++)
		bytes[i] = i * 7;
	pipe2(pipe_, O_NONBLOCK);
	fcntl(pipe_[1], F_SETPIPE_SZ, 131072);
	write(pipe_[1], bytes, 5000);
	pipe2(packets, O_DIRECT | O_NONBLOCK);
	write(packets[1], "one", 3);
	write(packets[1], "three", 5);
	first = open(self, O_RDONLY);
	read(first, ten, 10);
	second = fcntl(first, F_DUPFD_CLOEXEC, 50);
	third = open(self, O_RDONLY);
	lseek(third, 3, SEEK_SET);
	event = eventfd(7, EFD_SEMAPHORE | EFD_NONBLOCK);
}

static void check_files(void)
{
	char bytes[6000], same = 1;
	unsigned long count = 0;

	say("size of a pipe", fcntl(pipe_[0], F_GETPIPE_SZ) == 131072);
	same = read(pipe_[0], bytes, 6000) == 5000;
	for (int i = 0; i < 5000; i++)
		same &= bytes[i] == (char)(i * 7);
	say("what waits in a pipe", same);
	say("flags of a pipe", read(pipe_[0], bytes, 1) == -1 && errno == EAGAIN);
	say("the other end", write(pipe_[1], "x", 1) == 1 && read(pipe_[0], bytes, 10) == 1);
	say("packets", read(packets[0], bytes, 100) == 3 && read(packets[0], bytes, 100) == 5);
	say("position", lseek(first, 0, SEEK_CUR) == 10 && lseek(third, 0, SEEK_CUR) == 3);
	lseek(second, 5, SEEK_SET);
	say("one open file", lseek(first, 0, SEEK_CUR) == 5 && lseek(third, 0, SEEK_CUR) == 3);
	say("close on exec", fcntl(second, F_GETFD) == FD_CLOEXEC && fcntl(first, F_GETFD) == 0);
	same = read(event, &count, 8) == 8 && count == 1;
	for (count = 0; read(event, &(long){ 0 }, 8) == 8;)
		count++;
	say("eventfd", same && count == 6);
}

/* Memory that is shared. */
static int memfd;
static char *box, *own, *shared, *wiped;

static void make_memory(void)
{
	memfd = memfd_create("box", MFD_ALLOW_SEALING);
	ftruncate(memfd, 4 * PAGE);
	pwrite(memfd, "in the box", 10, 5000);
	box = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, PAGE);
	own = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
	strcpy(own, "my own");
	fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
	shared = mmap(0, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	strcpy(shared, "first");
	strcpy(shared + 2 * PAGE, "last");
	mprotect(shared + PAGE, PAGE, PROT_READ);
	wiped = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(wiped, PAGE, MADV_WIPEONFORK);
	*wiped = 1;
}

static void check_memory(void)
{
	char bytes[20] = "";
	int status;

	say("memfd", pread(memfd, bytes, 10, 5000) == 10 && !strcmp(bytes, "in the box"));
	say("seals", fcntl(memfd, F_GET_SEALS) == (F_SEAL_GROW | F_SEAL_SHRINK));
	strcpy(box, "written");
	pread(memfd, bytes, 8, PAGE);
	say("memfd as a mapping", !strcmp(bytes, "written") && !strcmp(own, "my own") && !strcmp(own + PAGE, "written"));
	say("shared memory", !strcmp(shared, "first") && !strcmp(shared + 2 * PAGE, "last"));
	if (fork() == 0) {
		strcpy(shared, "child");
		strcpy(shared + 2 * PAGE, "child");
		_exit(*wiped);
	}
	wait(&status);
	say("shared memory is shared", !strcmp(shared, "child") && !strcmp(shared + 2 * PAGE, "child"));
	say("wiped on fork", status == 0 && *wiped == 1);
}

/* Timers, and what the kernel keeps besides. */
static int timers[3];
static cpu_set_t cpus;

static void make_timers(void)
{
	struct itimerspec far = { { 5, 0 }, { 1000000, 0 } }, near = { { 0, 0 }, { 0, 300000000 } };
	struct itimerval alarm_ = { { 0, 0 }, { 1000000, 0 } };
	struct rlimit files = { 100, 0 }, now;
	sigset_t both;

	sigemptyset(&both);
	sigaddset(&both, SIGRTMIN + 1);
	sigaddset(&both, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &both, 0);
	for (int i = 0; i < 3; i++) {
		struct { long value; int signal, notify; char rest[48]; } how = { 4711 + i, SIGRTMIN + 1 + i / 2, SIGEV_SIGNAL, "" };

		syscall(SYS_timer_create, CLOCK_MONOTONIC, &how, &timers[i]);
	}
	syscall(SYS_timer_delete, timers[1]);
	syscall(SYS_timer_settime, timers[0], 0, &far, 0);
	syscall(SYS_timer_settime, timers[2], 0, &near, 0);
	setitimer(ITIMER_REAL, &alarm_, 0);
	getrlimit(RLIMIT_NOFILE, &now);
	files.rlim_max = now.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	sched_getaffinity(0, sizeof cpus, &cpus);
	for (int cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &cpus) && found++)
			CPU_CLR(cpu, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	setpriority(PRIO_PROCESS, 0, 5);
	prctl(PR_SET_TIMERSLACK, 12345);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_DUMPABLE, 1);
	syscall(SYS_membarrier, MEMBARRIER_REGISTER, 0, 0);
}

static void check_timers(void)
{
	struct itimerspec left;
	struct itimerval alarm_;
	struct rlimit files;
	cpu_set_t now;
	siginfo_t info;
	sigset_t near;

	syscall(SYS_timer_gettime, timers[0], &left);
	say("timer", left.it_interval.tv_sec == 5 && left.it_value.tv_sec > 900000 && left.it_value.tv_sec <= 1000000);
	say("id of a timer", syscall(SYS_timer_gettime, timers[2], &left) == 0 && syscall(SYS_timer_gettime, timers[1], &left) != 0);
	sigemptyset(&near);
	sigaddset(&near, SIGRTMIN + 2);
	say("timer that is over", sigwaitinfo(&near, &info) == SIGRTMIN + 2 && info.si_value.sival_int == 4713 && info.si_code == SI_TIMER);
	getitimer(ITIMER_REAL, &alarm_);
	say("setitimer", alarm_.it_value.tv_sec > 900000);
	getrlimit(RLIMIT_NOFILE, &files);
	say("limit", files.rlim_cur == 100);
	sched_getaffinity(0, sizeof now, &now);
	say("processors", CPU_EQUAL(&now, &cpus));
	say("nice", getpriority(PRIO_PROCESS, 0) == 5);
	say("timer slack", prctl(PR_GET_TIMERSLACK) == 12345);
	say("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	say("membarrier", syscall(SYS_membarrier, MEMBARRIER_GET, 0, 0) == -1 || (syscall(SYS_membarrier, MEMBARRIER_GET, 0, 0) & MEMBARRIER_REGISTER));
}

/* Signals: one that waits, with a value; its handler has a stack of its own. */
static char stack[65536];
static volatile int value, on_stack;

static void handler(int signal, siginfo_t *info, void *context)
{
	char here;

	(void)signal, (void)context;
	value = info->si_value.sival_int;
	on_stack = &here > stack && &here < stack + sizeof stack;
}

static void make_signals(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack_ = { stack, 0, sizeof stack };
	union sigval value_ = { 42 };
	sigset_t set;

	sigaltstack(&stack_, 0);
	sigaction(SIGUSR1, &action, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	sigqueue(getpid(), SIGUSR1, value_);
}

static void check_signals(void)
{
	sigset_t set;

	say("signal that waits", value == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, 0);
	say("its value", value == 42);
	say("alternate stack", on_stack);
}

/* Threads that wait in every way, and one that has its registers full. */
static __thread char large[1 << 20];
static int word, wide[2], slow[2];
static volatile int stop, full;
static pthread_mutex_t robust;
static pthread_t threads[7];
static const char *const names[] = { "futex", "sleep until", "poll", "read", "AVX registers", "large TLS", "robust mutex" };

static void *on_futex(void *unused)
{
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		if (syscall(SYS_futex, &word, 0, 0, 0, 0, 0) != 0 && errno != EAGAIN)
			return "";
	return unused;
}

static void *on_clock(void *unused)
{
	struct timespec until, now;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += 2;
	if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0) != 0)
		return "";
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= until.tv_sec ? unused : "";
}

static void *on_poll(void *unused)
{
	struct pollfd one = { wide[0], POLLIN, 0 };
	int got;

	/* What is left of a time limit is the kernel's secret. */
	while ((got = poll(&one, 1, -1)) == -1 && errno == EINTR)
		;
	return got == 1 ? unused : "";
}

static void *on_read(void *unused)
{
	char byte;

	return read(slow[0], &byte, 1) == 1 ? unused : "";
}

__attribute__((target("avx"))) static int avx(void)
{
	long in[4] = { 0x1111, 0x2222, 0x3333, 0x4444 }, out[4] = { 0 };

	__asm__ volatile("vmovdqu %[in], %%ymm7\n"
			 "movl $1, %[full]\n"
			 "1: cmpl $0, %[stop]\n"
			 "pause\n"
			 "je 1b\n"
			 "vmovdqu %%ymm7, %[out]\n"
			 "vzeroupper\n"
			 : [out] "=m"(out), [full] "=m"(full)
			 : [in] "m"(in), [stop] "m"(stop)
			 : "xmm7", "memory", "cc");
	return memcmp(in, out, sizeof in) == 0;
}

static void *on_registers(void *unused)
{
	if (__builtin_cpu_supports("avx"))
		return avx() ? unused : "";
	full = 1;
	return unused;
}

static void *on_tls(void *unused)
{
	struct timespec tick = { 0, 2000000 };

	for (unsigned i = 0; i < sizeof large; i++)
		large[i] = i * 5;
	while (!stop)
		nanosleep(&tick, 0);
	for (unsigned i = 0; i < sizeof large; i++)
		if (large[i] != (char)(i * 5))
			return "";
	return unused;
}

static void *on_mutex(void *unused)
{
	pthread_mutex_lock(&robust);
	on_futex(0);
	/* Whoever comes next is told by the kernel that we are dead. */
	return unused;
}

static void make_threads(void)
{
	static void *(*const work[])(void *) = { on_futex, on_clock, on_poll, on_read, on_registers, on_tls, on_mutex };
	pthread_mutexattr_t how;

	pthread_mutexattr_init(&how);
	pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &how);
	pipe(wide);
	pipe(slow);
	for (int i = 0; i < 7; i++)
		pthread_create(&threads[i], 0, work[i], 0);
	while (!full)
		sched_yield();
	pthread_setname_np(pthread_self(), "kept");
}

static void check_threads(void)
{
	void *failed;

	stop = 1;
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, 1, INT_MAX, 0, 0, 0);
	write(wide[1], "x", 1);
	write(slow[1], "x", 1);
	for (int i = 0; i < 7; i++) {
		pthread_join(threads[i], &failed);
		say(names[i], failed == 0);
	}
	say("its owner is dead", pthread_mutex_lock(&robust) == EOWNERDEAD);
}

static void everything(const char *self)
{
	make_files(self);
	make_memory();
	make_timers();
	make_signals();
	make_threads();
	ready();
	check_files();
	check_memory();
	check_timers();
	check_signals();
	check_threads();
}

/* What is refused: a mode each. */
static void wait_here(void)
{
	printf("ready\n");
	for (;;)
		pause();
}

static void *unshared(void *unused)
{
	unshare(CLONE_FILES);
	stop = 1;
	for (;;)
		pause();
	return unused;
}

static void *waits(void *unused)
{
	wait_here();
	return unused;
}

static void strict(void)
{
	/* struct sock_filter, struct sock_fprog: all is allowed. */
	struct { unsigned short code; unsigned char yes, no; unsigned k; } all = { 6, 0, 0, 0x7fff0000 };
	struct { unsigned short length; void *filter; } program = { 1, &all };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, 2, &program);
}

static void lock(const char *self)
{
	struct flock whole = { .l_type = F_RDLCK };

	fcntl(open(self, O_RDONLY), F_SETLK, &whole);
}

/* What cannot be had here is no test. */
static int have(long got)
{
	if (got < 0) {
		printf("cannot\n");
		exit(77);
	}
	return got;
}

static void *map(int fd)
{
	void *at = mmap(0, PAGE, PROT_READ, MAP_SHARED, have(fd), 0);

	have(at == MAP_FAILED ? -1 : 0);
	close(fd);
	return at;
}

static int gone(void)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof name, "%s.gone", go);
	fd = open(name, O_CREAT | O_RDWR, 0600);
	unlink(name);
	return fd;
}

static int fifo(void)
{
	char name[PATH_MAX];
	int fd;

	snprintf(name, sizeof name, "%s.fifo", go);
	have(mkfifo(name, 0600));
	fd = open(name, O_RDWR);
	unlink(name);
	return fd;
}

/* Memory of the machine: a device of our own making, since /dev need not have it. */
static int device(void)
{
	char name[PATH_MAX];

	snprintf(name, sizeof name, "%s.device", go);
	have(mknod(name, S_IFCHR | 0600, makedev(1, 1)));
	return open(name, O_RDONLY);
}

static void sysv(void)
{
	int id = have(shmget(IPC_PRIVATE, PAGE, 0600));

	shmat(id, 0, 0);
	shmctl(id, IPC_RMID, 0);
}

/* A terminal as standard input: whoever brings us back has one. */
static void stream(void)
{
	int master = have(posix_openpt(O_RDWR | O_NOCTTY)), slave;

	unlockpt(master);
	slave = have(open(ptsname(master), O_RDWR | O_NOCTTY));
	dup2(slave, 0);
	fcntl(0, F_DUPFD, 20);
	close(slave);
	close(master);
}

static void refused(const char *mode, const char *self)
{
	sigset_t none;
	int two[2], fd;
	long ring = 0;
	pthread_t other;

	sigemptyset(&none);
#define MODE(text) else if (!strcmp(mode, text))
	if (!strcmp(mode, "socket"))
		have(socketpair(AF_UNIX, SOCK_STREAM, 0, two));
	MODE("epoll") have(epoll_create1(0));
	MODE("inotify") have(inotify_init());
	MODE("signalfd") have(signalfd(-1, &none, 0));
	MODE("timerfd") have(timerfd_create(CLOCK_MONOTONIC, 0));
	MODE("pidfd") have(syscall(SYS_pidfd_open, getpid(), 0));
	MODE("terminal") have(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	MODE("fifo") have(fifo());
	MODE("deleted") have(gone());
	MODE("mapped") { fd = gone(); have(ftruncate(fd, PAGE)); map(fd); }
	MODE("device") map(device());
	MODE("lock") lock(self);
	MODE("child") { pid_t self_id = getpid(); if (fork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); while (getppid() == self_id) pause(); _exit(0); } }
	MODE("zombie") { if (fork() == 0) _exit(0); waitid(P_ALL, 0, &(siginfo_t){ 0 }, WEXITED | WNOWAIT); }
	MODE("seccomp") strict();
	MODE("sysv") sysv();
	MODE("aio") have(syscall(SYS_io_setup, 8, &ring));
	MODE("files") { pthread_create(&other, 0, unshared, 0); while (!stop) sched_yield(); }
	MODE("namespace") have(unshare(CLONE_NEWUTS));
	MODE("root") have(chroot("/proc"));
	MODE("leader") { pthread_create(&other, 0, waits, 0); pthread_exit(0); }
	MODE("stream") stream();
	/* 3 is a pipe that whoever started us has, too. */
	MODE("handed") have(fcntl(3, F_GETFD));
	else exit(78);
	wait_here();
}

/* Threads come and go all the time. */
static long made;

static void *short_(void *unused)
{
	__atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void *maker(void *unused)
{
	pthread_t one;
	long count = 0;

	while (!stop) {
		if (pthread_create(&one, 0, short_, 0) == 0) {
			pthread_join(one, 0);
			count++;
		}
	}
	*(long *)unused = count;
	return 0;
}

static void storm(void)
{
	pthread_t makers[3];
	long counts[3] = { 0 };

	for (int i = 0; i < 3; i++)
		pthread_create(&makers[i], 0, maker, &counts[i]);
	ready();
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(makers[i], 0);
	say("threads", made == counts[0] + counts[1] + counts[2] && made > 0);
}

int main(int arguments, char **words)
{
	setvbuf(stdout, 0, _IOLBF, 0);
	if (arguments < 3)
		return 77;
	go = words[2];
	/* Descriptors that we have inherited and do not know. */
	syscall(436, strcmp(words[1], "handed") ? 3 : 4, ~0u, 0);
	if (!strcmp(words[1], "everything"))
		everything(words[0]);
	else if (!strcmp(words[1], "storm"))
		storm();
	else
		refused(words[1], words[0]);
	return 0;
}
