# arch: x86-64
# what: the shape of tcmalloc: initial-exec thread-local __rseq_abi, descriptor from the GOT, CPU number
#   inside, a 16-bit commit, and an abort trampoline that arms again
#
# void *slab_pop(void *unused, void *slabs);  the item, 0: empty

        .text
        .globl  slab_pop
        .type   slab_pop, @function
slab_pop:
.Lretry:
        movq    slab_pop_cs@GOTPCREL(%rip), %rax
        movq    %rax, %fs:__rseq_abi@TPOFF+8
.Lstart:
        movl    %fs:__rseq_abi@TPOFF+4, %edx  # cpu_id
        shlq    $6, %rdx
        leaq    (%rsi,%rdx), %r8         # this CPU's slab: 64 bytes
        movzwl  (%r8), %ecx              # current
        cmpl    $0, %ecx
        je      .Lunderflow              # a declared exit point
        movq    (%r8,%rcx,8), %rax       # the item
        decl    %ecx
        movw    %cx, (%r8)               # the commit: current--
.Lpost_commit:
        ret
.Lunderflow:
        xorl    %eax, %eax
        ret
        .size   slab_pop, .-slab_pop

        .section __rseq_failure, "ax"
        .byte   0x0f, 0xb9, 0x3d         # ud1 SIGNATURE(%rip), %edi
        .long   0x53053053
        .type   slab_pop_abort, @function
slab_pop_abort:
        jmp     .Lretry                  # rseq_cs was cleared: arm it again
        .size   slab_pop_abort, .-slab_pop_abort

        .section __rseq_cs, "aw"
        .balign 32
slab_pop_cs:
        .long   0, 0                     # version, flags
        .quad   .Lstart                  # start_ip
        .quad   .Lpost_commit - .Lstart  # post_commit_offset
        .quad   slab_pop_abort           # abort_ip
        .section __rseq_cs_ptr_array, "aw"
        .quad   slab_pop_cs
        .section __rseq_exit_point_array, "aw"
        .quad   .Lstart, .Lunderflow
