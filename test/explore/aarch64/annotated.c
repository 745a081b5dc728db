/*
 * include/rseqlab_syscall.h itself, as examples/explore/annotated.c has it; with -DEARLY the descriptor is stored in front of the section. And a word about
 * the next call, as examples/explore/annotate.c has it; with -DBARE there is no section.
 */
#include <rseqlab_syscall.h>
#include "sections.h"
#include <rseqlab.h>

static struct rseqlab_annotation outer = { .actions = RSEQLAB_RETURN, .value = -1 };
static struct rseqlab_annotation inner = { .actions = RSEQLAB_RETURN, .value = -2 };
static long outer_result, inner_result, plain_result;

static long annotated_gettid(void)
{
#if defined(EARLY) && defined(__aarch64__)
	register long x0 __asm__("x0");
	register struct rseqlab_descriptor *x19 __asm__("x19") = &rseqlab_next_call;

	rseqlab_next_call.annotation = &outer;
	__asm__ volatile(
		RSEQLAB_SECTION__
		"0: adrp x8, 3b\n"
		"add x8, x8, :lo12:3b\n"
		"str x8, %[rseq_cs]\n"
		"1: mov x8, %[number]\n"
		"svc #0\n"
		"2: str xzr, [%[next]]\n"
		"str xzr, %[rseq_cs]\n"
		".pushsection __rseq_failure, \"ax\"\n"
		".inst 0xd428bc00\n"
		"4: b 0b\n"
		".popsection\n"
		: "=&r"(x0), [rseq_cs] "+Q"(RSEQLAB_RSEQ_CS())
		: [next] "r"(x19), [number] "i"(GETTID)
		: "x8", "memory", "cc");
	return x0;
#elif defined(EARLY)
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
#else
	return rseqlab_syscall(&outer, GETTID);
#endif
}

RSEQLAB_SCENARIO(annotated, "the call that is meant is annotated, and no other")
RSEQLAB_SETUP(annotated) { outer_result = inner_result = plain_result = 0; }
RSEQLAB_TASK(annotated, caller) { outer_result = annotated_gettid(); }
RSEQLAB_SIGNAL(annotated, caller, 10)
{
	plain_result = plain_call(GETTID, 0, 0, 0);
	inner_result = rseqlab_syscall(&inner, GETTID);
}
RSEQLAB_FINALLY(annotated)
{
	rseqlab_assert(outer_result == -1);
	rseqlab_assert(plain_result >= 0 && (inner_result == -2 || inner_result == 0));
}

static long word, mistaken, served;

static int is_meant(void)
{
#ifdef BARE
	return word != 0;
#else
	return word != 0 && READ_ONCE(rseq_self()->rseq_cs) != 0;
#endif
}

static void traced_gettid(void)
{
again:
#if defined(__x86_64__)
#define CALL	"mov $186, %%eax\n\t" "syscall\n\t"
#define CALLS	"rax", "rcx", "r11", "memory", "cc"
#else
#define CALL	"mov x8, #178\n\t" "svc #0\n\t"
#define CALLS	"x0", "x8", "x10", "memory", "cc"
#endif
#ifdef BARE
	asm goto(STORE_OF("one", "word") CALL
		 : : [rseq_cs] MEMORY(rseq_self()->rseq_cs), [word] MEMORY(word), [one] "r"(1L) : CALLS : abort);
#else
	asm goto(ARM START STORE_OF("one", "word") CALL END
		 : : [rseq_cs] MEMORY(rseq_self()->rseq_cs), [word] MEMORY(word), [one] "r"(1L) : CALLS : abort);
#endif
	WRITE_ONCE(word, 0);
	WRITE_ONCE(rseq_self()->rseq_cs, 0);
	served++;
	return;
abort: __attribute__((unused));
	goto again;
}

RSEQLAB_SCENARIO(word, "what is said of a call is said of no other call")
RSEQLAB_SETUP(word) { word = mistaken = served = 0; }
RSEQLAB_TASK(word, caller) { traced_gettid(); }
RSEQLAB_SIGNAL(word, caller, 10)
{
	mistaken += is_meant();
	plain_call(GETTID, 0, 0, 0);
}
RSEQLAB_FINALLY(word) { rseqlab_assert(mistaken == 0 && served == 1); }
