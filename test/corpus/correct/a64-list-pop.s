// arch: aarch64
// what: pops the first node of this CPU's list
//
// void *list_pop(struct rseq *r, void **heads, long cpu);  the node, 0: empty, -1: aborted

        .text
        .globl  list_pop
        .type   list_pop, %function
list_pop:
        adrp    x9, list_pop_cs
        add     x9, x9, :lo12:list_pop_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    list_pop_abort
        ldr     x11, [x1, x2, lsl #3]        // head
        cbz     x11, .Lempty                 // a declared exit point
        ldr     x12, [x11]                   // head->next
        str     x12, [x1, x2, lsl #3]        // the commit: head = head->next
.Lpost_commit:
        mov     x0, x11
        ret
.Lempty:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
list_pop_abort:
        mov     x0, #-1
        ret
        .size   list_pop, .-list_pop

        .section __rseq_cs, "aw"
        .balign 32
list_pop_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  list_pop_abort               // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  list_pop_cs
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lempty
