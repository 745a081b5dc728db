# arch: x86-64
# expect: nested-section error @marker
# expect: arming-gap error @marker
# what: arms the next section while still inside this one: both are unprotected until the second starts
#
# long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted, -2: the second aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    first_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # first section armed
.Lfirst:
        cmpl    %edx, 4(%rdi)
        jne     increment_abort
        leaq    second_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # <-- nested-section, arming-gap
        incq    (%rsi,%rdx,8)            # the commit of the first  <-- arming-gap
.Lfirst_end:
.Lsecond:
        cmpl    %edx, 4(%rdi)
        jne     second_abort
        incq    512(%rsi,%rdx,8)         # the commit of the second
.Lsecond_end:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        movq    $-1, %rax
        ret

        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
second_abort:
        movq    $-2, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
first_cs:
        .long   0, 0                     # version, flags
        .quad   .Lfirst                  # start_ip
        .quad   .Lfirst_end - .Lfirst    # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   first_cs

        .section __rseq_cs, "aw"
        .balign 32
second_cs:
        .long   0, 0                     # version, flags
        .quad   .Lsecond                 # start_ip
        .quad   .Lsecond_end - .Lsecond  # post_commit_offset
        .quad   second_abort             # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   second_cs
