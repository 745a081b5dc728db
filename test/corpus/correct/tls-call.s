# arch: x86-64
# what: __rseq_abi by the general-dynamic model: __tls_get_addr is called before the section, never in
#   it
#
# long increment(struct rseq *unused, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        pushq   %rbx
        movq    %rsi, %rbx
        data16  leaq __rseq_abi@tlsgd(%rip), %rdi
        .value  0x6666
        rex64   call __tls_get_addr@PLT  # rax = &__rseq_abi
        leaq    increment_cs(%rip), %rcx
        movq    %rcx, 8(%rax)            # rseq_cs = descriptor: armed
.Lstart:
        movl    4(%rax), %edx            # cpu_id, read inside
        incq    (%rbx,%rdx,8)            # the commit: slots[cpu]++
.Lpost_commit:
        popq    %rbx
        xorl    %eax, %eax
        ret
        .size   increment, .-increment

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
increment_abort:
        popq    %rbx
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
