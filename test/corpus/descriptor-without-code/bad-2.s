# arch: x86-64
# expect: descriptor-without-code error @increment_cs
# may: abort-inside-section error @*
# may: abort-signature error @*
# what: the code was discarded by the linker (--gc-sections, COMDAT) and the descriptor stayed, its
#   addresses resolved to 0
#
# long increment(struct rseq *r, long *slots, long cpu);  slots[cpu]

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    (%rsi,%rdx,8), %rax      # what is left of the program
        ret
        .size   increment, .-increment

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0                     # version, flags
        .quad   0                        # <-- descriptor-without-code
        .quad   14                       # post_commit_offset
        .quad   0                        # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
