/* SPDX-License-Identifier: MIT
 *
 * A word about the next system call, and that call, as one unit with respect to signals and preemption: "trace it", "fail it with EIO",
 * "take 3 ms longer". Who listens is `rseqlab annotate -- PROGRAM`; without it the call is made plainly.
 *
 *   #include <rseqlab_syscall.h>
 *   struct rseqlab_annotation failing = { .actions = RSEQLAB_FAIL, .error = EIO, .cookie = 7 };
 *   long result = rseqlab_syscall(&failing, SYS_write, fd, buffer, size);     // -EIO
 *
 * How: the thread's descriptor (a pointer to the annotation) is stored inside a restartable sequence whose *last* instruction is
 * the system call. A signal that arrives between the two makes the kernel abort the section: no call of the handler is taken for
 * the one that was meant, and behind the handler the descriptor is stored anew. See docs/syscall-last.md.
 *
 * The thread must have registered struct rseq: glibc 2.35 and later does. With another libc define RSEQLAB_RSEQ_CS(), an lvalue of
 * type unsigned long: rseq_cs of the calling thread's struct rseq. x86-64 and AArch64; GCC or Clang; C or C++.
 */
#ifndef RSEQLAB_SYSCALL_H
#define RSEQLAB_SYSCALL_H

#ifdef __cplusplus
extern "C" {
#endif

/** What is to be done with the call; none: it is made, and nothing is said of it. */
enum rseqlab_actions {
	RSEQLAB_TRACE = 1,	/* tell of the call: number, arguments, result */
	RSEQLAB_FAIL = 2,	/* do not make it: the result is -error */
	RSEQLAB_RETURN = 4,	/* do not make it: the result is value */
	RSEQLAB_DELAY = 8	/* wait delay_ns first */
};

/** What is said of one call. It must stay as it is until the call has returned. */
struct rseqlab_annotation {
	unsigned int actions;		/* enum rseqlab_actions */
	int error;			/* RSEQLAB_FAIL: an errno, 1 to 4095 */
	long value;			/* RSEQLAB_RETURN */
	unsigned long delay_ns;		/* RSEQLAB_DELAY */
	unsigned long cookie;		/* comes back in what is told of the call */
};

/** A thread's descriptor: what the call that is the section's last instruction is annotated with. */
struct rseqlab_descriptor {
	/** NULL at all other times. */
	const struct rseqlab_annotation *annotation;
	/** Which of the thread's calls it is: the same again where the kernel makes the section start over (ERESTART). */
	unsigned long call;
	/** Calls of the thread so far. */
	unsigned long calls;
};

__attribute__((weak)) __thread struct rseqlab_descriptor rseqlab_next_call;

#ifndef RSEQLAB_RSEQ_CS
#include <stddef.h>
/** Of glibc: where struct rseq lies, from the thread pointer. */
extern const ptrdiff_t __rseq_offset;
/** offsetof(struct rseq, rseq_cs) is 8. */
#define RSEQLAB_RSEQ_CS()	(*(unsigned long *)((char *)__builtin_thread_pointer() + __rseq_offset + 8))
#endif

/* The descriptor of the section 1 to 2, with its abort handler at 4; and where the call returns to, for who listens (struct rseqlab_call_site). */
#define RSEQLAB_SECTION__				\
	".pushsection __rseq_cs, \"aw\"\n"		\
	".balign 32\n"					\
	"3: .long 0, 0\n"				\
	".quad 1f, 2f - 1f, 4f\n"			\
	".popsection\n"					\
	".pushsection __rseq_cs_ptr_array, \"aw\"\n"	\
	".quad 3b\n"					\
	".popsection\n"					\
	".pushsection __rseqlab_syscall, \"a\"\n"	\
	".balign 4\n"					\
	".long 2f - .\n"				\
	".popsection\n"

/** A call of which nothing is said. */
static inline __attribute__((unused, always_inline)) long
rseqlab_plain_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
	return x0;
#endif
}

/**
 * Makes the system call and gives what the kernel gives: -errno for an error. `annotation` may be NULL: a plain call. May be called in signal
 * handlers, also of a thread that is about to make such a call.
 */
static inline __attribute__((unused, always_inline)) long
rseqlab_syscall6(const struct rseqlab_annotation *annotation, long number, long a, long b, long c, long d, long e, long f)
{
	if (!annotation)
		return rseqlab_plain_syscall6(number, a, b, c, d, e, f);

	struct rseqlab_descriptor *next = &rseqlab_next_call;
	/* Atomic, for a handler may come in between and make a call. */
	unsigned long call = __atomic_add_fetch(&next->calls, 1, __ATOMIC_RELAXED);
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile(
		RSEQLAB_SECTION__
		/* An abort comes back here: the kernel has cleared rseq_cs. */
		"0: lea 3b(%%rip), %%rax\n"
		"mov %%rax, %[rseq_cs]\n"
		"1: mov %[call], %%rax\n"
		"mov %%rax, 8(%[next])\n"
		"mov %[annotation], %%rax\n"
		"mov %%rax, (%[next])\n"
		"mov %[number], %%rax\n"
		"syscall\n"
		"2: movq $0, (%[next])\n"
		"movq $0, %[rseq_cs]\n"
		".pushsection __rseq_failure, \"ax\"\n"
		/* ud1 0x53053053(%rip), %edi: what objdump makes of the signature in front of an abort handler. */
		".byte 0x0f, 0xb9, 0x3d\n"
		".long 0x53053053\n"
		"4: jmp 0b\n"
		".popsection\n"
		: "=&a"(result), [rseq_cs] "+m"(RSEQLAB_RSEQ_CS())
		: [next] "b"(next), [annotation] "rm"(annotation), [call] "rm"(call), [number] "rm"(number),
		  "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory", "cc");
#elif defined(__aarch64__)
	register long x0 __asm__("x0");
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	register struct rseqlab_descriptor *x19 __asm__("x19") = next;

	__asm__ volatile(
		RSEQLAB_SECTION__
		"0: adrp x8, 3b\n"
		"add x8, x8, :lo12:3b\n"
		"str x8, %[rseq_cs]\n"
		"1: str %[call], [%[next], #8]\n"
		"str %[annotation], [%[next]]\n"
		"mov x0, %[first]\n"
		"mov x8, %[number]\n"
		"svc #0\n"
		"2: str xzr, [%[next]]\n"
		"str xzr, %[rseq_cs]\n"
		".pushsection __rseq_failure, \"ax\"\n"
		/* brk #0x45e0: the signature. */
		".inst 0xd428bc00\n"
		"4: b 0b\n"
		".popsection\n"
		: "=&r"(x0), [rseq_cs] "+Q"(RSEQLAB_RSEQ_CS())
		: [next] "r"(x19), [annotation] "r"(annotation), [call] "r"(call), [number] "r"(number), [first] "r"(a),
		  "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
		: "x8", "memory", "cc");
	result = x0;
#else
#error "rseqlab_syscall.h: x86-64 and AArch64 only"
#endif
	return result;
}

#define RSEQLAB_CALL__(annotation, number, a, b, c, d, e, f, ...)					\
	rseqlab_syscall6((annotation), (long)(number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/** rseqlab_syscall(annotation, number, up to six arguments): rseqlab_syscall6, with 0 for those that are not there. */
#define rseqlab_syscall(annotation, ...)	RSEQLAB_CALL__(annotation, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#ifdef __cplusplus
}
#endif

#endif
