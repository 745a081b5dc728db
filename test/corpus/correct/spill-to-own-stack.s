# arch: x86-64
# what: spills to its own stack inside: not visible to others and written afresh on every attempt, so
#   the slot is still the only commit
#
# long swap(struct rseq *r, long *slots, long cpu, long value);  the old value, -1: aborted

        .text
        .globl  swap
        .type   swap, @function
swap:
        subq    $24, %rsp
        leaq    swap_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     swap_abort
        movq    (%rsi,%rdx,8), %rax
        movq    %rax, 8(%rsp)            # the old value
        movq    %rcx, (%rsi,%rdx,8)      # the commit
.Lpost_commit:
        movq    8(%rsp), %rax
        addq    $24, %rsp
        ret
        .size   swap, .-swap

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
swap_abort:
        addq    $24, %rsp
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
swap_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   swap_abort               # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   swap_cs
