/* struct rseq, descriptors and sections (include/uapi/linux/rseq.h). */
#ifndef RSEQ_H
#define RSEQ_H

#include "sys.h"

#ifdef __aarch64__
#define SIGNATURE 0xd428bc00u
#define SIGNATURE_TEXT "0xd428bc00"
#define ARM " str x1, [x0, #8]\n"
#define COMMITTED "mov w0, #1\n ret\n"
#define ABORTED "mov w0, #0\n ret\n"
#else
#define SIGNATURE 0x53053053u
#define SIGNATURE_TEXT "0x53053053"
#define ARM " mov %rsi, 8(%rdi)\n"
#define COMMITTED "mov $1, %eax\n ret\n"
#define ABORTED "xor %eax, %eax\n ret\n"
#endif
#define RSEQ_UNREGISTER 1
#define FEATURE_SIZE 27 /* AT_RSEQ_FEATURE_SIZE */
#define FEATURE_ALIGN 28 /* AT_RSEQ_ALIGN */

/* struct rseq of Linux 7.0, with room for the longest length that a row registers */
struct area {
  volatile u32 cpu_id_start, cpu_id;
  volatile u64 rseq_cs;
  volatile u32 flags, node_id, mm_cid, slice;
  volatile u8 rest[224];
} __attribute__((aligned(256)));

struct rseq_cs {
  u32 version, flags;
  u64 start_ip, post_commit_offset, abort_ip;
} __attribute__((aligned(32)));

/* The thread's own: of the first thread, unless a row says otherwise. */
extern struct area area;

static inline long rseq(volatile void *at, long length, long flags, long signature) {
  return sys(rseq, at, length, flags, signature);
}

/* Registers `area` with 32 bytes; a row that cannot is skipped. */
void registered(void);

/*
 * A function `long NAME(struct area *rdi, struct rseq_cs *rsi, rdx, rcx, r8, r9)` with a section: stores the
 * descriptor and runs BODY. Returns 1 when the section got to its end, 0 when it was aborted. The descriptor NAME_cs can
 * be written, so that a row can break it. Only registers that a function may change are used.
 */
#define SECTION(name, body) SECTION_AFTER(name, body, COMMITTED, ABORTED)

#define SECTION_AFTER(name, body, committed, aborted)                                              \
  extern struct rseq_cs name##_cs;                                                                 \
  extern char name##_start[], name##_end[], name##_abort[];                                        \
  long name(struct area *, struct rseq_cs *, ...);                                                 \
  asm(".text\n.balign 16\n.globl " #name "\n" #name ":\n"                                          \
      ARM                                                                                           \
      ".globl " #name "_start\n" #name "_start:\n" body                                            \
      ".globl " #name "_end\n" #name "_end:\n" committed                                           \
      ".long " SIGNATURE_TEXT "\n"                                                                 \
      ".globl " #name "_abort\n" #name "_abort:\n" aborted                                         \
      ".data\n.balign 32\n.globl " #name "_cs\n" #name "_cs:\n"                                    \
      ".long 0, 0\n.quad " #name "_start, " #name "_end - " #name "_start, " #name "_abort\n"      \
      ".text\n")

/* Set by the first instruction of a section that waits to be interrupted; ends it. */
extern volatile int inside, stop;

/* spin(area, descriptor, &inside, &stop): sets inside, then waits for stop */
extern struct rseq_cs spin_cs;
extern char spin_start[], spin_end[], spin_abort[];
long spin(struct area *, struct rseq_cs *, ...);

static inline const char *outcome(long committed) { return committed ? "committed" : "aborted"; }

/* "rseq_cs cleared" or "rseq_cs kept" */
static inline const char *rseq_cs(struct area *at) { return at->rseq_cs ? "rseq_cs kept" : "rseq_cs cleared"; }

/* Runs the first thread in spin() (inside the section) until another thread of the same CPU has run: it was preempted there. */
long preempted_inside(struct rseq_cs *cs);
/* The same outside of any section. */
void preempted_outside(void);

#endif
