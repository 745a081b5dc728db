# A per-CPU counter, as it should be.
#
# long count(struct rseq *rseq, long *slots, long cpu);    0: counted, -1: aborted, call again

        .text
        .globl  count
        .type   count, @function
count:
        leaq    count_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # rseq->rseq_cs = &count_cs: the section is armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # still on that CPU?
        jne     count_abort
        movq    (%rsi,%rdx,8), %rcx
        incq    %rcx
        movq    %rcx, (%rsi,%rdx,8)      # the commit
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   count, .-count

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1: never run
        .long   0x53053053               # RSEQ_SIG, in front of the abort handler
count_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
count_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   count_abort              # abort_ip

        .section __rseq_cs_ptr_array, "aw"
        .quad   count_cs
