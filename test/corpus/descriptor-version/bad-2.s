# arch: x86-64
# expect[6.18]: descriptor-version error @increment_cs
# expect[6.19]: descriptor-version warning @increment_cs
# expect[6.19+debug]: descriptor-version error @increment_cs
# expect[7.1]: descriptor-version warning @increment_cs
# what: the first field holds 32, the size of the descriptor, as if it were a length; it is the version:
#   same death as bad-1
#
# long increment(struct rseq *unused, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    __rseq_offset@GOTPCREL(%rip), %rcx
        movq    (%rcx), %rcx             # struct rseq lies at %fs:(%rcx)
        movq    increment_cs@GOTPCREL(%rip), %rax
        movq    %rax, %fs:8(%rcx)        # rseq_cs = descriptor: armed
.Lstart:
        movl    %fs:4(%rcx), %edx        # cpu_id, read inside: cannot be stale
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
increment_cs:
        .long   32, 0                    # <-- descriptor-version: version = 32
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
