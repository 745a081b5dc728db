// arch: aarch64
// expect: no-cpu-check error @marker
// what: indexes by a CPU number read before the section and never compares it inside: migrated in
//   between, it writes another CPU's slot
//
// long increment(struct rseq *r, long *slots);  0: done, -1: aborted

        .text
        .globl  increment
        .type   increment, %function
increment:
        ldr     w2, [x0]                     // r->cpu_id_start
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     x11, [x1, x2, lsl #3]        // <-- no-cpu-check
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // <-- no-cpu-check
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
