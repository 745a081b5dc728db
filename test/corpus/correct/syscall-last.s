# arch: x86-64
# expect: syscall-last note @marker
# what: a section whose last instruction is a system call: made only if no signal has come since the
#   flag was read
#
# long interruptible_call(struct rseq *r);  process id, -1: aborted, -125: cancelled

        .text
        .globl  interruptible_call
        .type   interruptible_call, @function
interruptible_call:
        leaq    interruptible_call_cs(%rip), %rax
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
        .size   interruptible_call, .-interruptible_call

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
interruptible_call_abort:
        movq    $-1, %rax
        ret

        .section .tbss, "awT", @nobits
        .balign 4
cancelled:
        .zero   4

        .section __rseq_cs, "aw"
        .balign 32
interruptible_call_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   interruptible_call_abort  # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   interruptible_call_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lcancelled
