// arch: aarch64
// what: thread-local __rseq_abi, initial-exec; the descriptor from the GOT; the abort handler arms
//   again
//
// long increment(void *unused, long *slots);  0: done

        .text
        .globl  increment
        .type   increment, %function
increment:
.Lretry:
        mrs     x9, tpidr_el0
        adrp    x10, :gottprel:__rseq_abi
        ldr     x10, [x10, :gottprel_lo12:__rseq_abi]
        add     x0, x9, x10                  // &__rseq_abi
        adrp    x9, :got:increment_cs
        ldr     x9, [x9, :got_lo12:increment_cs]
        str     x9, [x0, #8]                 // rseq_cs = descriptor: armed
.Lstart:
        ldr     w2, [x0, #4]                 // cpu_id, read inside: cannot be stale
        ldr     x11, [x1, x2, lsl #3]
        add     x11, x11, #1
        str     x11, [x1, x2, lsl #3]        // the commit: slots[cpu]++
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
