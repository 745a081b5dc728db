/*
 * Litmus tests of the x86-TSO memory model, under their names in Sewell, Sarkar, Owens, Nardelli, Myreen: x86-TSO, CACM 53(7), 2010, and the
 * processor makers' manuals that it quotes. A scenario claims that an outcome is not seen. Those marked TSO are seen there, and not in a
 * sequentially consistent memory; all others in neither.
 */
#include <percpu.h>
#include <rseqlab.h>

static long x, y, r0, r1, r2, r3;

static void reset(void)
{
	x = y = 0;
	r0 = r1 = r2 = r3 = -1;
}

#define SCENARIO(name, claim, outcome)						\
	RSEQLAB_SCENARIO(name, claim)						\
	RSEQLAB_SETUP(name) { reset(); }					\
	RSEQLAB_FINALLY(name) { rseqlab_assert(!(outcome)); }
#define STORE(to, value)	__asm__ volatile("movq %1, %0" : "=m"(to) : "i"(value) : "memory")
#define LOAD(to, from)		do { long value__; __asm__ volatile("mov %1, %0" : "=r"(value__) : "m"(from) : "memory"); (to) = value__; } while (0)
#define LOAD2(to, from, to2, from2)								\
	do {											\
		long value__, value2__;								\
		__asm__ volatile("mov %2, %0\n\t" "mov %3, %1" : "=&r"(value__), "=&r"(value2__) : "m"(from), "m"(from2) : "memory");	\
		(to) = value__;									\
		(to2) = value2__;								\
	} while (0)
#define FENCE()			__asm__ volatile("mfence" : : : "memory")
#define EXCHANGE(with, value)	do { long value__ = value; __asm__ volatile("xchg %0, %1" : "+r"(value__), "+m"(with) : : "memory"); } while (0)

/* Store buffering. TSO */
SCENARIO(sb, "one of two sees the other's store", r0 == 0 && r1 == 0)
RSEQLAB_TASK(sb, p0) { STORE(x, 1); LOAD(r0, y); }
RSEQLAB_TASK(sb, p1) { STORE(y, 1); LOAD(r1, x); }

SCENARIO(sb_fence, "one of two sees the other's store, behind mfence", r0 == 0 && r1 == 0)
RSEQLAB_TASK(sb_fence, p0) { STORE(x, 1); FENCE(); LOAD(r0, y); }
RSEQLAB_TASK(sb_fence, p1) { STORE(y, 1); FENCE(); LOAD(r1, x); }

/* iwp2.8.a: xchg is locked. */
SCENARIO(sb_xchg, "one of two sees the other's xchg", r0 == 0 && r1 == 0)
RSEQLAB_TASK(sb_xchg, p0) { EXCHANGE(x, 1); LOAD(r0, y); }
RSEQLAB_TASK(sb_xchg, p1) { EXCHANGE(y, 1); LOAD(r1, x); }

/* One fence is not enough. TSO */
SCENARIO(sb_one_fence, "one of two sees the other's store, if one has an mfence", r0 == 0 && r1 == 0)
RSEQLAB_TASK(sb_one_fence, p0) { STORE(x, 1); FENCE(); LOAD(r0, y); }
RSEQLAB_TASK(sb_one_fence, p1) { STORE(y, 1); LOAD(r1, x); }

/* iwp2.1: message passing. */
SCENARIO(mp, "who sees the flag sees the message", r0 == 1 && r1 == 0)
RSEQLAB_TASK(mp, p0) { STORE(x, 1); STORE(y, 1); }
RSEQLAB_TASK(mp, p1) { LOAD2(r0, y, r1, x); }

/* iwp2.2: load buffering. */
SCENARIO(lb, "no load sees a store that comes behind another load", r0 == 1 && r1 == 1)
RSEQLAB_TASK(lb, p0) { long r; LOAD(r, x); STORE(y, 1); r0 = r; }
RSEQLAB_TASK(lb, p1) { long r; LOAD(r, y); STORE(x, 1); r1 = r; }

/* iwp2.4: a processor sees its own store early. TSO */
SCENARIO(forwarding, "nobody sees his own store before the other does", r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0)
RSEQLAB_TASK(forwarding, p0) { STORE(x, 1); LOAD2(r0, x, r1, y); }
RSEQLAB_TASK(forwarding, p1) { STORE(y, 1); LOAD2(r2, y, r3, x); }

/* iwp2.5 */
SCENARIO(wrc, "what was passed on is seen", r0 == 1 && r1 == 1 && r2 == 0)
RSEQLAB_TASK(wrc, p0) { STORE(x, 1); }
RSEQLAB_TASK(wrc, p1) { long r; LOAD(r, x); STORE(y, 1); r0 = r; }
RSEQLAB_TASK(wrc, p2) { LOAD2(r1, y, r2, x); }

/* iwp2.6 */
SCENARIO(iriw, "two readers see two stores in one order", r0 == 1 && r1 == 0 && r2 == 1 && r3 == 0)
RSEQLAB_TASK(iriw, p0) { STORE(x, 1); }
RSEQLAB_TASK(iriw, p1) { STORE(y, 1); }
RSEQLAB_TASK(iriw, p2) { LOAD2(r0, x, r1, y); }
RSEQLAB_TASK(iriw, p3) { LOAD2(r2, y, r3, x); }

SCENARIO(n4b, "no load sees what is stored behind it", r0 == 2 && r1 == 1)
RSEQLAB_TASK(n4b, p0) { long r; LOAD(r, x); STORE(x, 1); r0 = r; }
RSEQLAB_TASK(n4b, p1) { long r; LOAD(r, x); STORE(x, 2); r1 = r; }

SCENARIO(n5, "two stores to one place come in one order", r0 == 2 && r1 == 1)
RSEQLAB_TASK(n5, p0) { STORE(x, 1); LOAD(r0, x); }
RSEQLAB_TASK(n5, p1) { STORE(x, 2); LOAD(r1, x); }

/* TSO */
SCENARIO(n6, "a store that was seen early is not late", r0 == 1 && r1 == 0 && x == 1)
RSEQLAB_TASK(n6, p0) { STORE(x, 1); LOAD2(r0, x, r1, y); }
RSEQLAB_TASK(n6, p1) { STORE(y, 2); STORE(x, 2); }

/* An instruction that reads and writes memory is a load and a store. TSO */
SCENARIO(inc, "no inc is lost", x != 2)
RSEQLAB_TASKS(inc, adder, 2) { __asm__ volatile("incq %0" : "+m"(x) : : "memory", "cc"); }

SCENARIO(inc_lock, "no lock inc is lost", x != 2)
RSEQLAB_TASKS(inc_lock, adder, 2) { __asm__ volatile("lock incq %0" : "+m"(x) : : "memory", "cc"); }
