# A handler of SIGSEGV goes on behind ud2: what is read there is not dead in front of it.
.include "scenario.inc"
	SETUP	setup
	TASKS a
setup:	mov	$4,%edi
	lea	action(%rip),%rsi
	xor	%edx,%edx
	mov	$8,%r10d
	CALL	13
	ret
a:	mov	$7,%r9d
	mov	data+16(%rip),%rcx
	ud2
	mov	%r9,%rdi
	RESULT
	ret
h:	addq	$2,168(%rdx)
	ret
back:	mov	$15,%eax
	syscall
	.section .data
action:	.quad h, 0x04000000, back, 0
