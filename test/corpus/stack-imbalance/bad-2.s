# arch: x86-64
# expect: stack-imbalance error @marker
# what: makes room on the stack inside and gives it back inside: balanced at the commit, not at the
#   instructions in between
#
# long increment(struct rseq *unused, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    __rseq_offset@GOTPCREL(%rip), %rcx
        movq    (%rcx), %rcx             # struct rseq lies at %fs:(%rcx)
        leaq    increment_cs(%rip), %rax
        movq    %rax, %fs:8(%rcx)        # rseq_cs = descriptor: armed
.Lstart:
        movl    %fs:4(%rcx), %edx        # cpu_id, read inside: cannot be stale
        subq    $16, %rsp                # <-- stack-imbalance
        movq    (%rsi,%rdx,8), %rax
        movq    %rax, (%rsp)             # own stack: nobody sees it
        incq    (%rsp)
        movq    (%rsp), %rax
        addq    $16, %rsp                # <-- stack-imbalance
        movq    %rax, (%rsi,%rdx,8)      # the commit
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
increment_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
