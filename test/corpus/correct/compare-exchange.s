# arch: x86-64
# what: cmpxchg as commit: without lock, since only this CPU writes the slot, and one instruction cannot
#   be interrupted in the middle
#
# long replace(struct rseq *r, long *slots, long cpu, long value, long expected);  0: done, 1: another value, -1: aborted

        .text
        .globl  replace
        .type   replace, @function
replace:
        movq    %rcx, %r9                # value
        leaq    replace_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     replace_abort
        movq    %r8, %rax                # expected
        cmpxchgq %r9, (%rsi,%rdx,8)      # the commit, if it is still the expected value
.Lpost_commit:
        setne   %al
        movzbl  %al, %eax
        ret
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
