# arch: x86-64
# what: reads cpu_id and the slot twice, as librseq's debugging mode does; every exit is declared
#
# long replace(struct rseq *r, long *slots, long cpu, long value, long expected);  0: done, 1: another value, -1: aborted

        .text
        .globl  replace
        .type   replace, @function
replace:
        leaq    replace_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     replace_abort
        cmpq    %r8, (%rsi,%rdx,8)
        jne     .Lother                  # a declared exit point
        cmpl    %edx, 4(%rdi)
        jne     .Lbug                    # a declared exit point
        cmpq    %r8, (%rsi,%rdx,8)
        jne     .Lbug
        movq    %rcx, (%rsi,%rdx,8)      # the commit
.Lpost_commit:
        xorl    %eax, %eax
        ret
.Lother:
        movl    $1, %eax
        ret
.Lbug:
        ud2
        .size   replace, .-replace

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
replace_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
replace_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   replace_abort            # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   replace_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lother
        .quad   .Lstart, .Lbug
