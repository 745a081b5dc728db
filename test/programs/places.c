#include "all.h"
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

/* What a program learns of its machine: CPUs, limits, clocks, identities, /proc and /sys. Only what is the same everywhere is printed. */
int places(int argc, char **argv)
{
	(void)argc, (void)argv;
	cpu_set_t set;
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	int count = CPU_COUNT(&set);
	printf("cpus agree: %d %d\n", count == sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_NPROCESSORS_CONF) >= count);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
		unsigned at, node;
		CHECK(syscall(SYS_getcpu, &at, &node, NULL) == 0 && (int)at == cpu && sched_getcpu() == cpu);
	}
	CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
	CPU_ZERO(&set);
	CHECK(sched_setaffinity(0, sizeof set, &set) == -1 && errno == EINVAL);
	printf("page %ld, tick %ld, hwcap %d, random %d\n", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK), getauxval(AT_HWCAP) != 0,
	       getauxval(AT_RANDOM) != 0);
	struct rlimit limit;
	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
	struct utsname name;
	CHECK(uname(&name) == 0);
	printf("%s %s\n", name.sysname, name.machine);
	struct timespec before, after;
	struct timeval day;
	static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW,
					   CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE};
	for (size_t n = 0; n < sizeof clocks / sizeof *clocks; n++) {
		CHECK(clock_gettime(clocks[n], &before) == 0 && clock_gettime(clocks[n], &after) == 0);
		CHECK(after.tv_sec > before.tv_sec || (after.tv_sec == before.tv_sec && after.tv_nsec >= before.tv_nsec));
	}
	/* time() reads the coarse clock, which may stand up to a tick before the fine one */
	CHECK(gettimeofday(&day, NULL) == 0 && time(NULL) >= day.tv_sec - 1 && clock() >= 0);
	struct rusage usage;
	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	CHECK(getpid() == syscall(SYS_gettid) && getuid() == geteuid() && getgid() == getegid());

	/* one's own maps name the stack and hold this function */
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	int stack = 0, code = 0, lines = 0;
	CHECK(file != NULL);
	while (fgets(line, sizeof line, file)) {
		unsigned long from, to;
		char rights[5];
		CHECK(sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 && from < to);
		code |= from <= (unsigned long)places && (unsigned long)places < to && rights[2] == 'x';
		stack |= strstr(line, "[stack]") && from <= (unsigned long)line && (unsigned long)line < to;
		lines++;
	}
	fclose(file);
	printf("maps: stack %d, code %d, some %d\n", stack, code, lines > 3);
	static const char *const files[] = {"/proc/self/status", "/proc/self/stat", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu/online",
					    "/sys/devices/system/cpu/possible", "/proc/self/cmdline", "/dev/null"};
	for (size_t n = 0; n < sizeof files / sizeof *files; n++) {
		int fd = open(files[n], O_RDONLY | O_CLOEXEC);
		struct stat about;
		CHECK(fd >= 0 && fstat(fd, &about) == 0);
		ssize_t size = read(fd, line, sizeof line);
		printf("%s: %s\n", files[n], size > 0 ? "text" : size == 0 ? "empty" : "error");
		close(fd);
	}
	CHECK(open("/no/such/file", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(readlink("/proc/self/exe", line, sizeof line) > 0);
	CHECK(getcwd(line, sizeof line) != NULL && line[0] == '/');
	CHECK(access("/proc/self/maps", R_OK) == 0 && access("/no/such/file", F_OK) == -1);
	CHECK(syscall(99999) == -1 && errno == ENOSYS);
	printf("terminal %d\n", isatty(open("/dev/null", O_RDWR)));
	return 0;
}
