# arch: x86-64
# what: the abort handler counts attempts and goes back to the arming store; everything it reads is
#   unchanged by the section
#
# long increment(struct rseq *r, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movl    $100, %ecx               # attempts
.Lretry:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        movl    4(%rdi), %edx            # cpu_id, read inside
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        decl    %ecx
        jnz     .Lretry
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
