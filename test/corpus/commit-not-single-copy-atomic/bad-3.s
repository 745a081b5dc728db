# arch: x86-64
# expect: commit-not-single-copy-atomic error @marker
# may: simd-or-x87-state warning @marker
# what: commits 16 bytes by one SSE store, which the architecture does not promise to make in one piece
#
# long increment(struct rseq *r, long *slots, long cpu, long value);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    %rcx, %xmm0
        pslldq  $8, %xmm0
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        movups  %xmm0, 512(%rsi)         # <-- commit-not-single-copy-atomic, simd-or-x87-state
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
