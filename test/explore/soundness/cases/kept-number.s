# A task writes to cpu_id_start: since 6.19 that stays until the CPU is another one, or mm_cid, which nobody reads.
.include "scenario.inc"
	TASKS a
	TASKS b
a:	movl	$9,%fs:CPU_ID_START
	mov	data(%rip),%rax
	mov	data(%rip),%rax
	mov	%fs:CPU_ID_START,%edi
	RESULT
	mov	%fs:CPU_ID,%edi
	RESULT
	ret
b:	mov	data(%rip),%rax
	ret
