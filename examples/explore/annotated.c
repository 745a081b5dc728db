/*
 * include/rseqlab_syscall.h itself: what is said of a call is said of that call, and of no other, wherever a signal arrives; and a handler may say something
 * of its own calls. The simulated machine serves annotated calls as `rseqlab annotate` does. With -DEARLY the descriptor is stored in front of
 * the section, where nobody stores it again: behind a handler that made such a call itself it is gone, and the call is made as any other.
 */
#include <rseqlab_syscall.h>
#include <rseqlab.h>

#define GETTID 186

static struct rseqlab_annotation outer = { .actions = RSEQLAB_RETURN, .value = -1 };
static struct rseqlab_annotation inner = { .actions = RSEQLAB_RETURN, .value = -2 };
static long outer_result, inner_result, plain_result;

#ifdef EARLY
static long annotated_gettid(void)
{
	long result;

	rseqlab_next_call.annotation = &outer;
	__asm__ volatile(
		RSEQLAB_SECTION__
		"0: lea 3b(%%rip), %%rax\n"
		"mov %%rax, %[rseq_cs]\n"
		"1: mov %[number], %%eax\n"
		"syscall\n"
		"2: movq $0, (%[next])\n"
		"movq $0, %[rseq_cs]\n"
		".pushsection __rseq_failure, \"ax\"\n"
		".byte 0x0f, 0xb9, 0x3d\n"
		".long 0x53053053\n"
		"4: jmp 0b\n"
		".popsection\n"
		: "=&a"(result), [rseq_cs] "+m"(RSEQLAB_RSEQ_CS())
		: [next] "b"(&rseqlab_next_call), [number] "i"(GETTID)
		: "rcx", "r11", "memory", "cc");
	return result;
}
#else
static long annotated_gettid(void)
{
	return rseqlab_syscall(&outer, GETTID);
}
#endif

RSEQLAB_SCENARIO(annotated, "the call that is meant is annotated, and no other")
RSEQLAB_SETUP(annotated) { outer_result = inner_result = plain_result = 0; }
RSEQLAB_TASK(annotated, caller) { outer_result = annotated_gettid(); }
RSEQLAB_SIGNAL(annotated, caller, 10)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"((long)GETTID) : "rcx", "r11", "memory");
	plain_result = result;
	inner_result = rseqlab_syscall(&inner, GETTID);
}
RSEQLAB_FINALLY(annotated)
{
#ifdef RSEQLAB_NATIVE
	/* An ordinary program: nobody serves its calls, unless it is run by `rseqlab annotate`. */
	if (outer_result >= 0)
		return;
#endif
	rseqlab_assert(outer_result == -1);
	rseqlab_assert(plain_result >= 0 && (inner_result == -2 || inner_result == 0));
}
