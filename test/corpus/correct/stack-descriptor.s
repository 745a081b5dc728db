# arch: x86-64
# what: a descriptor built on the stack at run time, with rseq_cs cleared on every way out
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        pushq   %rbp
        movq    %rsp, %rbp
        subq    $32, %rsp
        andq    $-32, %rsp               # a descriptor is 32-byte aligned
        movq    $0, (%rsp)               # version 0, flags 0
        leaq    .Lstart(%rip), %rax
        movq    %rax, 8(%rsp)            # start_ip
        movq    $.Lpost_commit - .Lstart, 16(%rsp)
        leaq    increment_abort(%rip), %rax
        movq    %rax, 24(%rsp)           # abort_ip
        movq    %rsp, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        movq    $0, 8(%rdi)              # r->rseq_cs = NULL
        leave
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        movq    $0, 8(%rdi)              # r->rseq_cs = NULL
        leave
        movq    $-1, %rax
        ret
