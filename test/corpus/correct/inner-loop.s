# arch: x86-64
# what: a loop inside the section: looks for the first slot that is not empty among 8, and takes it;
#   backward branches that stay inside are fine
#
# long take_first(struct rseq *r, long *slots, long cpu);  the value taken, 0: none, -1: aborted

        .text
        .globl  take_first
        .type   take_first, @function
take_first:
        movq    %rdx, %r8
        shlq    $6, %r8                  # 8 slots of 8 bytes a CPU
        addq    %rsi, %r8
        leaq    take_first_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     take_first_abort
        xorl    %ecx, %ecx
.Lnext:
        movq    (%r8,%rcx,8), %rax
        testq   %rax, %rax
        jnz     .Lfound
        incl    %ecx
        cmpl    $8, %ecx
        jb      .Lnext
        jmp     .Lnone                   # a declared exit point
.Lfound:
        movq    $0, (%r8,%rcx,8)         # the commit
.Lpost_commit:
        ret
.Lnone:
        xorl    %eax, %eax
        ret
        .size   take_first, .-take_first

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
take_first_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
take_first_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   take_first_abort         # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   take_first_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lnone
