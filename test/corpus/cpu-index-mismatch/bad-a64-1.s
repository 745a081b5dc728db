// arch: aarch64
// expect: cpu-index-mismatch error @marker
// what: compares cpu_id, but indexes by mm_cid: mm_cid can change while cpu_id stays, so two threads
//   can hold the same slot
//
// long increment(struct rseq *r, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        ldr     w12, [x0]                    // r->cpu_id_start
        ldr     w2, [x0, #24]                // r->mm_cid
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w10, [x0, #4]                // r->cpu_id
        cmp     w10, w12                     // <-- cpu-index-mismatch
        b.ne    increment_abort
        ldr     x11, [x1, x2, lsl #3]        // <-- cpu-index-mismatch
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // <-- cpu-index-mismatch
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
