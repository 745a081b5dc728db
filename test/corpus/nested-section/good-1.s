# arch: x86-64
# what: the correct twin: one section
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    outer_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # outer section armed
.Louter:
        cmpl    %edx, 4(%rdi)
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
outer_cs:
        .long   0, 0                     # version, flags
        .quad   .Louter                  # start_ip
        .quad   .Lpost_commit - .Louter  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   outer_cs
