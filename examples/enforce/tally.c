/*
 * Counts in per-CPU slots, and asks for the time of each count: once inside the section, where a thread that loses its CPU asks again, and once in front of
 * it. Both count right; nobody notices the difference, until the call is one that matters twice. Static with musl, so that it runs everywhere.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct {
	unsigned cpu_id_start, cpu_id;
	unsigned long cs;
	unsigned flags, node_id, mm_cid, rest[9];
} __attribute__((aligned(64))) rseq;

static struct { long count; long pad[7]; } slots[1024];
static long stamps[2];

#define SECTION(inside)									\
	__asm__ volatile(								\
		".pushsection __rseq_cs, \"aw\"\n"					\
		".balign 32\n"								\
		"3: .long 0, 0\n"							\
		".quad 1f, 2f - 1f, 4f\n"						\
		".popsection\n"								\
		".pushsection __rseq_cs_ptr_array, \"aw\"\n"				\
		".quad 3b\n"								\
		".popsection\n"								\
		"0: lea 3b(%%rip), %%rax\n"						\
		"mov %%rax, %[cs]\n"							\
		"1: mov %[cpu], %%r8d\n"						\
		inside									\
		"shl $6, %%r8\n"							\
		"incq (%[slots], %%r8)\n"						\
		"2:\n"									\
		".pushsection __rseq_failure, \"ax\"\n"					\
		".byte 0x0f, 0xb9, 0x3d\n"						\
		".long 0x53053053\n"							\
		"4: jmp 0b\n"								\
		".popsection\n"								\
		: [cs] "+m"(rseq.cs)							\
		: [cpu] "m"(rseq.cpu_id), [slots] "r"(slots), "D"(1L), "S"(stamps)	\
		: "rax", "rcx", "r8", "r11", "memory", "cc")

/* clock_gettime(CLOCK_MONOTONIC, stamps) */
#define STAMP "mov $228, %%eax\nsyscall\n"

__attribute__((noipa)) static void count_stamped(void)
{
	SECTION(STAMP);
}

__attribute__((noipa)) static void count(void)
{
	SECTION("");
}

static int mended;

static void *thread(void *unused)
{
	syscall(334, &rseq, 32, 0, 0x53053053);
	for (int i = 0; i < 100; i++) {
		if (!mended) {
			count_stamped();
			continue;
		}
		syscall(SYS_clock_gettime, 1, stamps);
		count();
	}
	return unused;
}

int main(int arguments, char **words)
{
	pthread_t threads[4];
	long sum = 0;

	(void)words;
	mended = arguments > 1;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], 0, thread, 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
	for (int i = 0; i < 1024; i++)
		sum += slots[i].count;
	printf("counted %ld of 400\n", sum);
	return sum != 400;
}
