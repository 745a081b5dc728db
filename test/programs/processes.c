#include "all.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* fork, exec, wait: statuses, memory of one's own and memory shared, orphans' signals, vfork. */
int processes(int argc, char **argv)
{
	if (argc > 1) {
		printf("executed: %s, %s\n", argv[1], getenv("GIVEN") ? getenv("GIVEN") : "nothing given");
		return 42;
	}
	int status, own = 1;
	pid_t self = getpid();
	int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		own = 2, *shared = 3;
		_exit(7);
	}
	CHECK(waitpid(child, &status, 0) == child);
	printf("exited %d with %d; own %d, shared %d\n", WIFEXITED(status), WEXITSTATUS(status), own, *shared);

	fflush(stdout);
	child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)0 = 1;
	}
	CHECK(wait(&status) == child);
	printf("killed by %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);

	child = fork();
	if (child == 0)
		for (;;)
			pause();
	CHECK(waitpid(child, &status, WNOHANG) == 0);
	kill(child, SIGSTOP);
	CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
	printf("stopped by %d\n", WSTOPSIG(status));
	kill(child, SIGCONT);
	CHECK(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	kill(child, SIGTERM);
	siginfo_t info;
	CHECK(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0 && info.si_code == CLD_KILLED);
	CHECK(waitpid(child, &status, 0) == child);
	printf("continued, then killed by %d\n", WTERMSIG(status));
	CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);

	char *arguments[] = {argv[-1], "processes", "by the child", NULL}, *environment[] = {"GIVEN=a value", NULL};
	fflush(stdout);
	child = vfork();
	if (child == 0) {
		execve("/proc/self/exe", arguments, environment);
		_exit(127);
	}
	CHECK(waitpid(child, &status, 0) == child);
	printf("executed program's status %d\n", WEXITSTATUS(status));

	pid_t children[5];
	fflush(stdout);
	for (int n = 0; n < 5; n++)
		if ((children[n] = fork()) == 0)
			_exit(getppid() == self ? n * n : 99);
	int sum = 0;
	for (int n = 0; n < 5; n++) {
		CHECK(waitpid(children[n], &status, 0) == children[n]);
		sum += WEXITSTATUS(status);
	}
	printf("five children: %d\n", sum);
	printf("group %d\n", getpgid(0) == getpgrp());
	return 0;
}

/* Pipes, poll, select, eventfd, readv and writev, dup2, O_NONBLOCK, EPIPE. */
int pipes(int argc, char **argv)
{
	(void)argc, (void)argv;
	int to[2], from[2], status;
	CHECK(pipe(to) == 0 && pipe2(from, O_CLOEXEC) == 0);
	pid_t child = fork();
	if (child == 0) {
		close(to[1]), close(from[0]);
		char text[256];
		ssize_t size;
		while ((size = read(to[0], text, sizeof text)) > 0) {
			for (ssize_t n = 0; n < size; n++)
				text[n] ^= text[n] >= 'a' && text[n] <= 'z' ? 32 : 0;
			CHECK(write(from[1], text, size) == size);
		}
		_exit(0);
	}
	close(to[0]), close(from[1]);
	struct iovec parts[] = {{"hello ", 6}, {"from ", 5}, {"parts", 5}};
	CHECK(writev(to[1], parts, 3) == 16);
	char answer[64] = "";
	size_t have = 0;
	while (have < 16) {
		ssize_t size = read(from[0], answer + have, sizeof answer - have);
		CHECK(size > 0);
		have += size;
	}
	printf("%s\n", answer);
	/* more than a pipe holds, there and back */
	size_t sent = 0, received = 0;
	static char block[4096];
	memset(block, 'q', sizeof block);
	fcntl(to[1], F_SETFL, O_NONBLOCK);
	while (received < 500000) {
		struct pollfd both[] = {{to[1], sent < 500000 ? POLLOUT : 0, 0}, {from[0], POLLIN, 0}};
		CHECK(poll(both, 2, -1) > 0);
		if (both[0].revents & POLLOUT) {
			ssize_t size = write(to[1], block, sent + 4096 > 500000 ? 500000 - sent : 4096);
			CHECK(size > 0 || errno == EAGAIN);
			sent += size > 0 ? size : 0;
		}
		if (both[1].revents & POLLIN) {
			char got[3000];
			ssize_t size = read(from[0], got, sizeof got);
			CHECK(size > 0 && got[size - 1] == 'Q');
			received += size;
		}
	}
	close(to[1]);
	CHECK(read(from[0], answer, 1) == 0 && waitpid(child, &status, 0) == child);
	printf("%zu bytes there and back, status %d\n", received, status);

	signal(SIGPIPE, SIG_IGN);
	CHECK(pipe(to) == 0);
	close(to[0]);
	CHECK(write(to[1], "x", 1) == -1 && errno == EPIPE);
	struct pollfd broken = {to[1], POLLOUT, 0};
	CHECK(poll(&broken, 1, 0) == 1);
	printf("broken pipe: %x\n", broken.revents & POLLERR);
	close(to[1]);
	CHECK(write(to[1], "x", 1) == -1 && errno == EBADF);

	int event = eventfd(3, EFD_NONBLOCK);
	uint64_t value = 4;
	CHECK(event >= 0 && write(event, &value, 8) == 8 && read(event, &value, 8) == 8);
	printf("event %llu, then errno %d\n", (unsigned long long)value, read(event, &value, 8) == -1 ? errno : 0);
	fd_set set;
	FD_ZERO(&set);
	FD_SET(event, &set);
	struct timeval moment = {0, 1000};
	printf("select %d\n", select(event + 1, &set, NULL, NULL, &moment));

	CHECK(pipe(to) == 0);
	int copy = dup2(to[1], 20);
	CHECK(copy == 20 && close(to[1]) == 0 && dprintf(copy, "through %d", copy) == 10);
	have = read(to[0], answer, sizeof answer);
	printf("%.*s\n", (int)have, answer);

	fflush(stdout);
	FILE *sub = fdopen(dup(1), "w");
	fprintf(sub, "by another stream\n");
	fclose(sub);
	return 0;
}
