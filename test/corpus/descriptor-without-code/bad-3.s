# arch: x86-64
# expect: descriptor-without-code error @increment_cs
# may: arming-gap error @*
# what: start_ip names a table that lies in .text: the bytes are no instructions
#
# long increment(struct rseq *unused, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movq    __rseq_offset@GOTPCREL(%rip), %rcx
        movq    (%rcx), %rcx             # struct rseq lies at %fs:(%rcx)
        leaq    increment_cs(%rip), %rax
        movq    %rax, %fs:8(%rcx)        # rseq_cs = descriptor: armed
.Lreal:
        movl    %fs:4(%rcx), %edx        # cpu_id, read inside: cannot be stale
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .balign 16
.Lstart:
        .byte   0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f  # none is an instruction in 64-bit mode
.Lend:
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
        .quad   .Lstart                  # <-- descriptor-without-code
        .quad   .Lend - .Lstart          # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
