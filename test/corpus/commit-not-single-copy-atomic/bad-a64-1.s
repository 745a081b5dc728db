// arch: aarch64
// expect: commit-not-single-copy-atomic error @marker
// what: commits two words by one stp: the architecture makes it in two pieces, others (without
//   FEAT_LSE2 at least) see one without the other
//
// long increment(struct rseq *r, long *slots, long cpu, long low, long high);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]
        cmp     w10, w2
        b.ne    increment_abort
        stp     x3, x4, [x1]                 // <-- commit-not-single-copy-atomic
.Lpost_commit:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
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
