// arch: aarch64
// what: pushes a node on this CPU's list with a store-release; the caller has linked node->next to the
//   head it saw
//
// long list_push(struct rseq *r, void **heads, long cpu, void *node, void *next);  0: done, 1: head is not next, -1: aborted

        .text
        .globl  list_push
        .type   list_push, %function
list_push:
        add     x12, x1, x2, lsl #3
        adrp    x9, list_push_cs
        add     x9, x9, :lo12:list_push_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w2                      // still on that CPU?
        b.ne    list_push_abort
        ldr     x11, [x12]
        cmp     x11, x4                      // still the head that node->next names?
        b.ne    .Lmoved                      // a declared exit point
        stlr    x3, [x12]                    // the commit: head = node
.Lpost_commit:
        mov     x0, #0
        ret
.Lmoved:
        mov     x0, #1
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
list_push_abort:
        mov     x0, #-1
        ret
        .size   list_push, .-list_push

        .section __rseq_cs, "aw"
        .balign 32
list_push_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  list_push_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  list_push_cs
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lmoved
