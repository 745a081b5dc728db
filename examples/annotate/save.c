/*
 * Saves a word, with each step's system call annotated: `rseqlab annotate -- ./save` tells of them, and --sweep fails one after the other. This program looks at
 * every result but one. Static with musl, so that it runs everywhere.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct {
	unsigned cpu_id_start, cpu_id;
	unsigned long cs;
	unsigned flags, node_id, mm_cid, rest[9];
} __attribute__((aligned(64))) rseq;

/* musl registers no struct rseq: here is ours. With glibc this line and the registration below are not needed. */
#define RSEQLAB_RSEQ_CS() rseq.cs
#include "../../include/rseqlab_syscall.h"

#define STEP(number) (&(struct rseqlab_annotation){ .actions = RSEQLAB_TRACE, .cookie = number })

int main(void)
{
	char *page, text[] = "saved\n";
	long file;

	syscall(334, &rseq, 32, 0, 0x53053053);
	file = rseqlab_syscall(STEP(1), SYS_memfd_create, "save", 0);
	if (file < 0)
		return 1;
	if (rseqlab_syscall(STEP(2), SYS_ftruncate, file, 4096) < 0)
		return 1;
	/* The mistake: an error is not looked for. */
	page = (char *)rseqlab_syscall(STEP(3), SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	strcpy(page, text);
	if (rseqlab_syscall(STEP(4), SYS_close, file) < 0)
		return 1;
	return rseqlab_syscall(STEP(5), SYS_write, 1, page, strlen(page)) < 0;
}
