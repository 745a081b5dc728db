# mm_cid: below the number of CPUs and of threads, and the first thread is one.
.include "scenario.inc"
	TASKS a, 2
a:	mov	%fs:MM_CID,%edi
	RESULT
	ret
