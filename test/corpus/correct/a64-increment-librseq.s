// arch: aarch64
// what: librseq's shape: the signature in line with a branch around it, the comparison by sub and cbnz
//
// long increment(struct rseq *r, long *slots, long cpu);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        adrp    x15, increment_cs
        add     x15, x15, :lo12:increment_cs
        str     x15, [x0, #8]                // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w15, [x0, #4]                // r->cpu_id
        sub     w15, w15, w2
        cbnz    w15, increment_abort
        ldr     x15, [x1, x2, lsl #3]
        add     x15, x15, #1
        str     x15, [x1, x2, lsl #3]        // the commit: slots[cpu]++
.Lpost_commit:
        b       .Ldone
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        b       .Laborted
.Ldone:
        mov     x0, #0
        ret
.Laborted:
        mov     x0, #-1
        ret
        .size   increment, .-increment

        .section __rseq_cs, "aw"
        .balign 32
increment_cs:
        .word   0, 0                         // version, flags
        .xword  .Lstart                      // start_ip
        .xword  .Lpost_commit - .Lstart      // post_commit_offset
        .xword  increment_abort              // abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .xword  increment_cs
