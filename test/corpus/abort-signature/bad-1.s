# arch: x86-64
# expect: abort-signature error @increment_abort|increment_cs
# what: no signature in front of the abort handler: the first abort kills the thread (SIGSEGV, "Possible
#   attack attempt" in the kernel log up to 6.18)
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
increment_abort:                         # <-- abort-signature
        movq    $-1, %rax
        ret
        .size   increment, .-increment

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
