// arch: aarch64
// what: the shape of tcmalloc: halfword bounds, a 16-bit commit
//
// void *slab_pop(struct rseq *r, void *slabs);  the item, 0: empty, -1: aborted

        .text
        .globl  slab_pop
        .type   slab_pop, %function
slab_pop:
        adrp    x9, slab_pop_cs
        add     x9, x9, :lo12:slab_pop_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w2, [x0, #4]                 // cpu_id, read inside: cannot be stale
        add     x12, x1, x2, lsl #6          // this CPU's slab: 64 bytes
        ldrh    w13, [x12]                   // current
        cbz     w13, .Lunderflow             // a declared exit point
        ldr     x11, [x12, w13, uxtw #3]     // the item
        sub     w13, w13, #1
        strh    w13, [x12]                   // the commit: current--
.Lpost_commit:
        mov     x0, x11
        ret
.Lunderflow:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
slab_pop_abort:
        mov     x0, #-1
        ret
        .size   slab_pop, .-slab_pop

        .section __rseq_cs, "aw"
        .balign 32
slab_pop_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  slab_pop_abort               // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  slab_pop_cs
        .section __rseq_exit_point_array, "aw"
        .xword  .Lstart, .Lunderflow
