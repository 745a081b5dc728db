# arch: x86-64
# expect: clobber-live-at-abort error @marker
# what: the abort handler returns the CPU it was called for, from a register that the section has used
#   for something else
#
# long increment(struct rseq *r, long *slots, long cpu);  -1: done, else aborted: the CPU

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        leaq    (%rsi,%rdx,8), %r8
        movq    (%r8), %rdx              # <-- clobber-live-at-abort
        incq    %rdx
        movq    %rdx, (%r8)              # the commit
.Lpost_commit:
        movq    $-1, %rax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        movq    %rdx, %rax               # the CPU that we lost
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
