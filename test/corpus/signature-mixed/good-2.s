# arch: x86-64
# signature: 0x7a11ab1e
# what: the correct twin: the program's own signature everywhere
#
# long increment/decrement(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
        .size   increment, .-increment
        .text
        .globl  decrement
        .type   decrement, @function
decrement:
        leaq    decrement_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Ldstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     decrement_abort
        decq    (%rsi,%rdx,8)            # the commit: slots[cpu]--
.Ldpost:
        xorl    %eax, %eax
        ret
        .size   decrement, .-decrement

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d
        .long   0x7a11ab1e               # the signature
increment_abort:
        movq    $-1, %rax
        ret

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d
        .long   0x7a11ab1e               # the signature
decrement_abort:
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

        .section __rseq_cs, "aw"
        .balign 32
decrement_cs:
        .long   0, 0                     # version, flags
        .quad   .Ldstart                 # start_ip
        .quad   .Ldpost - .Ldstart       # post_commit_offset
        .quad   decrement_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   decrement_cs
