# arch: x86-64
# expect[6.18]: writes-kernel-field warning @marker
# expect[6.19]: writes-kernel-field error @marker
# expect[7.1]: writes-kernel-field error @marker
# what: writes cpu_id through %fs after the commit, "to force the slow path next time"
#
# long increment(struct rseq *unused, long *slots);  0: done, 1: no CPU number, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    __rseq_offset@GOTPCREL(%rip), %rcx
        movq    (%rcx), %rcx             # struct rseq lies at %fs:(%rcx)
        leaq    increment_cs(%rip), %rax
        movq    %rax, %fs:8(%rcx)        # rseq_cs = descriptor: armed
.Lstart:
        movl    %fs:4(%rcx), %edx        # cpu_id, read inside: cannot be stale
        testl   %edx, %edx
        js      .Lslow                   # a declared exit point
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        movl    $-1, %fs:4(%rcx)         # <-- writes-kernel-field: cpu_id
        xorl    %eax, %eax
        ret
.Lslow:
        movl    $1, %eax
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
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lslow
