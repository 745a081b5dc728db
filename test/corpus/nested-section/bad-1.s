# arch: x86-64
# expect: nested-section error @marker|inner_cs|outer_cs
# what: arms a second section inside the first: a thread has one rseq_cs, so from that store on the
#   outer section is no longer protected
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    outer_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # outer section armed
.Louter:
        cmpl    %edx, 4(%rdi)
        jne     increment_abort
        leaq    inner_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # <-- nested-section
.Linner:
        cmpl    %edx, 4(%rdi)
        jne     increment_abort
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
outer_cs:
        .long   0, 0                     # version, flags
        .quad   .Louter                  # start_ip
        .quad   .Lpost_commit - .Louter  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   outer_cs

        .section __rseq_cs, "aw"
        .balign 32
inner_cs:
        .long   0, 0                     # version, flags
        .quad   .Linner                  # start_ip
        .quad   .Lpost_commit - .Linner  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   inner_cs
