# arch: x86-64
# expect: commit-not-single-copy-atomic error @marker
# may: store-before-commit warning @*
# what: commits by rep movsq: it stops between words when interrupted, so others see half a commit and
#   the abort comes in the middle of it
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    512(%rsi), %r9
        movq    %rdi, %r10
        leaq    (%rsi,%rdx,8), %rdi
        movq    %r9, %rsi                # three words from slots + 64
        movl    $3, %ecx
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%r10)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%r10)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        rep movsq                        # <-- commit-not-single-copy-atomic
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
