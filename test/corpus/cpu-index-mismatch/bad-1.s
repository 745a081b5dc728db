# arch: x86-64
# expect: cpu-index-mismatch error @marker
# what: compares cpu_id, but indexes by mm_cid: mm_cid can change while cpu_id stays, so two threads can
#   hold the same slot
#
# long increment(struct rseq *r, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, @function
increment:
        movl    (%rdi), %ecx             # r->cpu_id_start
        movl    24(%rdi), %edx           # r->mm_cid
        leaq    increment_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %ecx, 4(%rdi)            # <-- cpu-index-mismatch: cpu_id
        jne     increment_abort
        incq    (%rsi,%rdx,8)            # <-- cpu-index-mismatch: slots[mm_cid]++
.Lpost_commit:
        xorl    %eax, %eax
        ret
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
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   increment_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   increment_cs
