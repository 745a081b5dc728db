# arch: x86-64
# expect: abort-inside-section error @increment_cs|increment_abort
# what: the abort handler stands between start_ip and the commit; up to 6.18 the kernel kills the
#   thread, later ones jump into the section
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
        jne     .Lfailed                 # a declared exit point
        jmp     .Lcommit
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:                         # <-- abort-inside-section
        jmp     .Lfailed
.Lcommit:
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
.Lfailed:
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
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lfailed
