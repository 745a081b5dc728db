# arch: x86-64
# expect: syscall-last note @marker
# what: allowed, a note: the system call is the last instruction, so "check the cancel flag" and the
#   call are one unit against signals; a call that restarts (SA_RESTART) runs the section again
#
# long increment(struct rseq *r);  process id, -1: aborted, -125: cancelled

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    $0, %fs:cancelled@tpoff
        jne     .Lcancelled              # a declared exit point
        movl    $39, %eax                # getpid
        syscall # <-- syscall-last: the commit
.Lpost_commit:
        ret
.Lcancelled:
        movq    $-125, %rax              # -ECANCELED
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        movq    $-1, %rax
        ret

        .section .tbss, "awT", @nobits
        .type   cancelled, @object
        .size   cancelled, 4
        .balign 4
cancelled:
        .zero   4

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
        .quad   .Lstart, .Lcancelled
