# arch: x86-64
# what: pops the first node of this CPU's list; nobody else can change head->next meanwhile, because
#   that would abort the section
#
# void *list_pop(struct rseq *r, void **heads, long cpu);  the node, 0: empty, -1: aborted

        .text
        .globl  list_pop
        .type   list_pop, @function
list_pop:
        leaq    list_pop_cs(%rip), %rax
        movq    %rax, 8(%rdi)            # r->rseq_cs = descriptor: armed
.Lstart:
        cmpl    %edx, 4(%rdi)            # r->cpu_id: still on that CPU?
        jne     list_pop_abort
        movq    (%rsi,%rdx,8), %rax      # head
        testq   %rax, %rax
        je      .Lempty                  # a declared exit point
        movq    (%rax), %rcx             # head->next
        movq    %rcx, (%rsi,%rdx,8)      # the commit: head = head->next
.Lpost_commit:
        ret
.Lempty:
        xorl    %eax, %eax
        ret
        .size   list_pop, .-list_pop

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi: traps if run
        .long   0x53053053               # the signature, just before abort_ip
list_pop_abort:
        movq    $-1, %rax
        ret

        .section __rseq_cs, "aw"
        .balign 32
list_pop_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   list_pop_abort           # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   list_pop_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lempty
