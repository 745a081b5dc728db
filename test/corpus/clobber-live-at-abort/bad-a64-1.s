// arch: aarch64
// expect: clobber-live-at-abort error @marker
// what: turns slots into &slots[cpu] in the same register inside the section; after an abort the retry
//   adds the index to it a second time
//
// long increment(struct rseq *r, long *slots);  0: done

        .text
        .globl  increment
        .type   increment, %function
increment:
.Lretry:
        adrp    x9, increment_cs
        add     x9, x9, :lo12:increment_cs
        str     x9, [x0, #8]                 // r->rseq_cs = descriptor: armed
.Lstart:
        ldr     w2, [x0, #4]                 // cpu_id, read inside: cannot be stale
        add     x1, x1, x2, lsl #3           // <-- clobber-live-at-abort
        ldr     x11, [x1]
        add     x11, x11, #1
        str     x11, [x1]                    // the commit
.Lpost_commit:
        mov     x0, #0
        ret
        .inst   0xd428bc00                   // brk #0x45e0: the signature, just before abort_ip
increment_abort:
        b       .Lretry
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
