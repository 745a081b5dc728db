/* Scenarios that cannot be explored, or crash where nobody thinks of it. */
#include <rseqlab.h>

static volatile long n;

/* A processor may have it; the simulated one does not. */
RSEQLAB_SCENARIO(avx, "a claim")
RSEQLAB_TASK(avx, task) { __asm__ volatile("vaddps %ymm0,%ymm1,%ymm2"); }

/* No processor has it. */
RSEQLAB_SCENARIO(ud2, "a claim")
RSEQLAB_TASK(ud2, task) { __asm__ volatile("ud2"); }

RSEQLAB_SCENARIO(setup_dies, "a claim")
RSEQLAB_SETUP(setup_dies) { __asm__ volatile("ud2"); }
RSEQLAB_TASK(setup_dies, task) { n++; }

RSEQLAB_SCENARIO(invariant_dies, "a claim")
RSEQLAB_TASK(invariant_dies, task) { n++; }
RSEQLAB_INVARIANT(invariant_dies) { __asm__ volatile("ud2"); return 1; }

RSEQLAB_SCENARIO(invariant_calls, "a claim")
RSEQLAB_TASK(invariant_calls, task) { n++; }
RSEQLAB_INVARIANT(invariant_calls) { long pid; __asm__ volatile("syscall" : "=a"(pid) : "a"(39) : "rcx", "r11"); return pid != 0; }

RSEQLAB_SCENARIO(futex, "a claim")
RSEQLAB_TASK(futex, task) { long got; __asm__ volatile("syscall" : "=a"(got) : "a"(202) : "rcx", "r11"); }

RSEQLAB_SCENARIO(endless, "a claim")
RSEQLAB_TASK(endless, task) { for (;;) n++; }
RSEQLAB_FINALLY(endless) { rseqlab_assert(0); }

/* A descriptor whose length is an address, so that the section goes on behind all code. */
RSEQLAB_SCENARIO(length, "a claim")
RSEQLAB_TASK(length, task)
{
	__asm__ volatile(".pushsection __rseq_cs, \"aw\"\n.balign 32\n3: .long 0, 0\n.quad 1f, 2f, 4f\n.popsection\n"
			 "lea 3b(%%rip), %%rax\n mov %%rax, %%fs:72\n"
			 "1: incq %0\n2: jmp 5f\n.long 0x53053053\n4: ud2\n5:" : "+m"(n) : : "rax", "cc");
}
