# arch: x86-64
# what: pushes a node on this CPU's list; the caller has linked node->next to the head it saw, the new
#   head is the commit
#
# long list_push(struct rseq *r, void **heads, long cpu, void *node, void *next);  0: done, 1: head is not next, -1: aborted

        .text
        .globl  list_push
        .type   list_push, @function
list_push:
        leaq    list_push_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     list_push_abort
        cmpq    %r8, (%rsi,%rdx,8)       # still the head that node->next names?
        jne     .Lmoved                  # a declared exit point
        movq    %rcx, (%rsi,%rdx,8)      # the commit: head = node
.Lpost_commit:
        xorl    %eax, %eax
        ret
.Lmoved:
        movl    $1, %eax
        ret
        .size   list_push, .-list_push

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
list_push_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
list_push_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   list_push_abort          # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   list_push_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lmoved
