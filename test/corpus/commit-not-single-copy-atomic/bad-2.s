# arch: x86-64
# expect: commit-not-single-copy-atomic error @marker
# what: the committed word lies across two cache lines (64-byte boundary + 60): the processor writes it
#   in two pieces
#
# long increment(struct rseq *r);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    $0, 4(%rdi)              # r->cpu_id: the ring belongs to CPU 0
        jne     increment_abort
        incq    ring+60(%rip)            # <-- commit-not-single-copy-atomic
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .bss
        .type   ring, @object
        .size   ring, 128
        .balign 64
ring:
        .zero   128

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
