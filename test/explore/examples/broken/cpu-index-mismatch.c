/* Compares cpu_id, and indexes by mm_cid: a thread may get another mm_cid on the same CPU. */
#define TASKS 3
#include "broken.h"

static void increment(void)
{
again:;
	uint32_t cpu = READ_ONCE(rseq_self()->cpu_id_start), cid = READ_ONCE(rseq_self()->mm_cid);

	asm goto(RSEQ_ARM RSEQ_START RSEQ_CHECK
#ifdef MENDED
		 "cmp %[cid], %[mm_cid]\n\t"
		 "jne 4f\n\t"
#endif
		 COUNT RSEQ_END
		 : : RSEQ_INPUTS(cpu), [slot] "m"(slots[cid]), [cid] "r"(cid), [mm_cid] "m"(rseq_self()->mm_cid) : CHANGES : abort);
	return;
abort:
	goto again;
}
