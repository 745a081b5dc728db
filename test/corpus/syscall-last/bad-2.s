# arch: x86-64
# expect: syscall-last note @marker
# what: allowed, a note: a per-thread word that speaks of the next system call ("trace it") is set and
#   the call made as one unit; interrupted in between, neither counts
#
# long increment(void);  thread id, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    __rseq_offset@GOTPCREL(%rip), %rcx
        movq    (%rcx), %rcx             # struct rseq lies at %fs:(%rcx)
        movq    traced@gottpoff(%rip), %r8
        leaq    increment_cs(%rip), %rax
        movq    %rax, %fs:8(%rcx)        # rseq_cs = descriptor: armed
.Lstart:
        movq    $1, %fs:(%r8)            # own thread only: not visible to others
        movl    $186, %eax               # gettid
        syscall # <-- syscall-last: the commit
.Lpost_commit:
        movq    $0, %fs:(%r8)
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d
        .long   0x53053053
increment_abort:
        movq    $0, %fs:(%r8)
        movq    $-1, %rax
        ret

        .section .tbss, "awT", @nobits
        .balign 8
traced:
        .zero   8

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
