/*
 * Four threads count in per-CPU slots, each count in a restartable sequence that takes its time, so that threads are inside when the process is frozen. Static
 * with musl, so that it runs everywhere:  counters ROUNDS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct {
	unsigned cpu_id_start, cpu_id;
	unsigned long cs;
	unsigned flags, node_id, mm_cid, rest[9];
} __attribute__((aligned(64))) rseq;

static struct { long count; long pad[7]; } slots[1024];
static long rounds;

/* Reads the slot, waits, and stores one more: a thread that is stopped in between must start over. */
__attribute__((noipa)) static void count(void)
{
	__asm__ volatile(
		".pushsection __rseq_cs, \"aw\"\n"
		".balign 32\n"
		"3: .long 0, 0\n"
		".quad 1f, 2f - 1f, 4f\n"
		".popsection\n"
		".pushsection __rseq_cs_ptr_array, \"aw\"\n"
		".quad 3b\n"
		".popsection\n"
		"0: lea 3b(%%rip), %%rax\n"
		"mov %%rax, %[cs]\n"
		"1: mov %[cpu], %%r8d\n"
		"shl $6, %%r8\n"
		"mov (%[slots], %%r8), %%rax\n"
		"mov $200, %%ecx\n"
		"5: dec %%ecx\n"
		"jnz 5b\n"
		"inc %%rax\n"
		"mov %%rax, (%[slots], %%r8)\n"
		"2:\n"
		".pushsection __rseq_failure, \"ax\"\n"
		".byte 0x0f, 0xb9, 0x3d\n"
		".long 0x53053053\n"
		"4: jmp 0b\n"
		".popsection\n"
		: [cs] "+m"(rseq.cs)
		: [cpu] "m"(rseq.cpu_id), [slots] "r"(slots)
		: "rax", "rcx", "r8", "memory", "cc");
}

static void *thread(void *unused)
{
	if (syscall(334, &rseq, 32, 0, 0x53053053) != 0)
		exit(77);
	for (long i = 0; i < rounds; i++)
		count();
	return unused;
}

int main(int arguments, char **words)
{
	pthread_t threads[4];
	long sum = 0;

	/* Descriptors that we have inherited and do not know. */
	syscall(436, 3, ~0u, 0);
	setvbuf(stdout, 0, _IONBF, 0);
	rounds = arguments > 1 ? atol(words[1]) : 5000000;
	printf("counting\n");
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, thread, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	for (int i = 0; i < 1024; i++)
		sum += slots[i].count;
	printf("counted %ld of %ld\n", sum, 4 * rounds);
	return sum != 4 * rounds;
}
