# arch: x86-64
# what: two sections of one function, one after the other: takes a value from this CPU, and once it has
#   it, gives it to the CPU it then runs on, as often as it takes
#
# long move(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  move
        .type   move, @function
move:
        leaq    take_cs(%rip), %rax
        movq    %rax, 8(%rdi)
.Ltake:
        cmpl    %edx, 4(%rdi)
        jne     take_abort
        movq    (%rsi,%rdx,8), %rcx
        movq    $0, (%rsi,%rdx,8)        # the commit of the first
.Ltake_end:
.Lgive_retry:
        leaq    give_cs(%rip), %rax
        movq    %rax, 8(%rdi)
.Lgive:
        movl    4(%rdi), %edx            # cpu_id, read inside
        addq    %rcx, 512(%rsi,%rdx,8)   # the commit of the second
.Lgive_end:
        xorl    %eax, %eax
        ret
        .size   move, .-move

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
take_abort:
        movq    $-1, %rax
        ret

        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
give_abort:
        jmp     .Lgive_retry

        .section __rseq_cs, "aw"
        .balign 32
take_cs:
        .long   0, 0                     # version, flags
        .quad   .Ltake                   # start_ip
        .quad   .Ltake_end - .Ltake      # post_commit_offset
        .quad   take_abort               # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   take_cs

        .section __rseq_cs, "aw"
        .balign 32
give_cs:
        .long   0, 0                     # version, flags
        .quad   .Lgive                   # start_ip
        .quad   .Lgive_end - .Lgive      # post_commit_offset
        .quad   give_abort               # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   give_cs
