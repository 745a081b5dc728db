/*
 * What a thread with a registration must not do: it is killed by SIGSEGV when it is next interrupted, and not before. Each
 * row breaks one thing and has the thread preempted, inside a section or outside.
 */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/mman.h>

#define GET "kernel/rseq.c rseq_get_rseq_cs"
#define NEED "kernel/rseq.c rseq_need_restart"
#define FIXUP "kernel/rseq.c rseq_ip_fixup"
#define IDS "kernel/rseq.c rseq_update_cpu_node_id"
#define KERNEL 0xffffffff81000000
#ifdef __aarch64__
#define TASK_SIZE (1ul << 52)
#else
#define TASK_SIZE 0x7ffffffff000
#endif

#define INSIDE(name, ...)                          \
  static void name(void) {                         \
    registered();                                  \
    __VA_ARGS__;                                   \
    say(outcome(preempted_inside(&spin_cs)));      \
    say(rseq_cs(&area));                           \
  }

#define OUTSIDE(name, ...)                         \
  static void name(void) {                         \
    registered();                                  \
    __VA_ARGS__;                                   \
    armed_outside((u64)&spin_cs);                  \
  }

#define RSEQ_CS(name, address)                     \
  static void name(void) {                         \
    registered();                                  \
    armed_outside(address);                        \
  }

static void armed_outside(u64 address) {
  area.rseq_cs = address;
  preempted_outside();
  say("survived");
  say(rseq_cs(&area));
}

INSIDE(nothing, )
INSIDE(version_1, spin_cs.version = 1)
INSIDE(version_max, spin_cs.version = -1)
INSIDE(cs_flags_1, spin_cs.flags = 1)
INSIDE(cs_flags_2, spin_cs.flags = 2)
INSIDE(cs_flags_4, spin_cs.flags = 4)
INSIDE(cs_flags_7, spin_cs.flags = 7)
INSIDE(cs_flags_80, spin_cs.flags = 0x80)
INSIDE(flags_1, area.flags = 1)
INSIDE(flags_7, area.flags = 7)
INSIDE(flags_10, area.flags = 0x10)
INSIDE(flags_80000000, area.flags = 0x80000000)
INSIDE(wrap, spin_cs.post_commit_offset = -1)
INSIDE(end_in_kernel, spin_cs.post_commit_offset = TASK_SIZE)
INSIDE(abort_in_kernel, spin_cs.abort_ip = KERNEL)
INSIDE(abort_at_task_size, spin_cs.abort_ip = TASK_SIZE)
INSIDE(abort_inside, spin_cs.abort_ip = spin_cs.start_ip + 1)
INSIDE(abort_at_start, spin_cs.abort_ip = spin_cs.start_ip)
INSIDE(abort_is_0, spin_cs.abort_ip = 0)
INSIDE(abort_is_3, spin_cs.abort_ip = 3)

OUTSIDE(outside, )
OUTSIDE(outside_version, spin_cs.version = 1)
OUTSIDE(outside_cs_flags, spin_cs.flags = 1)
OUTSIDE(outside_flags, area.flags = 7)
OUTSIDE(outside_start_in_kernel, spin_cs.start_ip = KERNEL)
OUTSIDE(outside_abort_inside, spin_cs.abort_ip = spin_cs.start_ip + 1)
OUTSIDE(outside_abort_in_kernel, spin_cs.abort_ip = KERNEL)
RSEQ_CS(cs_is_16, 0x10)
RSEQ_CS(cs_in_kernel, 0xffff888000000000)
RSEQ_CS(cs_not_canonical, 0x800000000000)
RSEQ_CS(cs_at_task_size, TASK_SIZE)
RSEQ_CS(cs_high_half, (u64)&spin_cs | 1ul << 32)

/* Who is sent there has left everything behind. */
static void landed(void) {
  say("sent to abort_ip");
  done();
}
__attribute__((used)) static void (*const landed_at)(void) = landed;
extern char landing[];
#ifdef __aarch64__
asm(".text\n.long " SIGNATURE_TEXT "\nlanding: ldr x9, =landed_at\n ldr x9, [x9]\n blr x9\n.ltorg\n");
#else
asm(".text\n.long 0x53053053\nlanding: and $-16, %rsp\n call *landed_at\n");
#endif

/* A section from the bottom of memory over its top: everything would be inside. */
static void outside_wrap(void) {
  registered();
  spin_cs.start_ip = 4096;
  spin_cs.post_commit_offset = -1;
  spin_cs.abort_ip = (u64)landing;
  armed_outside((u64)&spin_cs);
}

static void unmap_descriptor(void) {
  struct rseq_cs *copy = map(4096);
  *copy = spin_cs;
  registered();
  area.rseq_cs = (u64)copy;
  sys(munmap, copy, 4096);
  preempted_outside();
  say("survived");
}

static void no_access(void) {
  struct rseq_cs *copy = map(4096);
  *copy = spin_cs;
  registered();
  area.rseq_cs = (u64)copy;
  sys(mprotect, copy, 4096, PROT_NONE);
  preempted_outside();
  say("survived");
}

/* The last 16 bytes of the descriptor lie on an unmapped page. */
static void half_mapped(void) {
  char *pages = map(8192);
  sys(munmap, pages + 4096, 4096);
  registered();
  struct rseq_cs *half = (struct rseq_cs *)(pages + 4096 - 16);
  half->version = half->flags = 0;
  half->start_ip = 0;
  area.rseq_cs = (u64)half;
  preempted_outside();
  say("survived");
}

static void wrong_signature(void) {
  say("%e", rseq(&area, 32, 0, SIGNATURE + 1));
  say(outcome(preempted_inside(&spin_cs)));
}

static void outside_signature(void) {
  say("%e", rseq(&area, 32, 0, SIGNATURE + 1));
  area.rseq_cs = (u64)&spin_cs;
  preempted_outside();
  say("survived");
  say(rseq_cs(&area));
}

/* abort_ip is the first byte of a page; the page before it, where the signature would be, is not there. */
static void signature_unreadable(void) {
  char *pages = map(8192);
  sys(munmap, pages, 4096);
  registered();
  spin_cs.abort_ip = (u64)pages + 4096;
  say(outcome(preempted_inside(&spin_cs)));
}

static void area_with(int protection, int gone) {
  struct area *page = map(4096);
  say("%e", rseq(page, 32, 0, SIGNATURE));
  if (gone) sys(munmap, page, 4096);
  else sys(mprotect, page, 4096, protection);
  preempted_outside();
  say("survived");
}

static void area_gone(void) { area_with(0, 1); }
static void area_no_access(void) { area_with(PROT_NONE, 0); }
static void area_read_only(void) { area_with(PROT_READ, 0); }

/* A bad descriptor harms nobody who is not interrupted. A switch may come at any time: another child then. */
static void uninterrupted(void) {
  registered();
  spin_cs.version = 1;
  int status = 0;
  for (int i = 0; i < 50; i++) {
    long pid = fork();
    if (pid == 0) {
      stop = 1;
      long committed = spin(&area, &spin_cs, &inside, &stop);
      area.rseq_cs = 0;
      leave(committed);
    }
    status = wait_for(pid);
    if (status == 1 << 8) break;
  }
  say_status("section", status);
}

const struct row violation_rows[] = {
    {"violation.none", "a correct section, preempted inside", FIXUP, nothing},
    {"violation.version-1", "version 1", GET, version_1},
    {"violation.version-4294967295", "version 2^32 - 1", GET, version_max},
    {"violation.cs-flags-1", "rseq_cs.flags NO_RESTART_ON_PREEMPT", NEED, cs_flags_1},
    {"violation.cs-flags-2", "rseq_cs.flags NO_RESTART_ON_SIGNAL", NEED, cs_flags_2},
    {"violation.cs-flags-4", "rseq_cs.flags NO_RESTART_ON_MIGRATE", NEED, cs_flags_4},
    {"violation.cs-flags-7", "rseq_cs.flags with all three", NEED, cs_flags_7},
    {"violation.cs-flags-80", "rseq_cs.flags with an unknown bit", NEED, cs_flags_80},
    {"violation.flags-1", "rseq.flags NO_RESTART_ON_PREEMPT", NEED, flags_1},
    {"violation.flags-7", "rseq.flags with all three", NEED, flags_7},
    {"violation.flags-10", "rseq.flags with 0x10, which 7.0 calls SLICE_EXT_AVAILABLE", NEED, flags_10},
    {"violation.flags-80000000", "rseq.flags with an unknown bit", NEED, flags_80000000},
    {"violation.signature", "another signature than the registered one", GET, wrong_signature},
    {"violation.signature-unreadable", "the page with the signature is not mapped", GET, signature_unreadable},
    {"violation.abort-inside", "abort_ip inside the section", GET, abort_inside},
    {"violation.abort-at-start", "abort_ip = start_ip", GET, abort_at_start},
    {"violation.abort-in-kernel", "abort_ip an address of the kernel", GET, abort_in_kernel},
    {"violation.abort-at-task-size", "abort_ip the first address that is not the user's", GET, abort_at_task_size},
    {"violation.abort-0", "abort_ip 0: the signature would lie at the end of the address space", GET, abort_is_0},
    {"violation.abort-3", "abort_ip 3", GET, abort_is_3},
    {"violation.wrap", "post_commit_offset -1", GET, wrap},
    {"violation.end-in-kernel", "the section ends outside of user space", GET, end_in_kernel},
    {"violation.rseq-cs-16", "rseq_cs 0x10", GET, cs_is_16},
    {"violation.rseq-cs-in-kernel", "rseq_cs an address of the kernel", GET, cs_in_kernel},
    {"violation.rseq-cs-not-canonical", "rseq_cs an address that no memory can have", GET, cs_not_canonical},
    {"violation.rseq-cs-at-task-size", "rseq_cs the first address that is not the user's", GET, cs_at_task_size},
    {"violation.rseq-cs-high-half", "a bit in the upper half of rseq_cs", GET, cs_high_half},
    {"violation.rseq-cs-unmapped", "the descriptor is unmapped while the thread is outside of every section", GET, unmap_descriptor},
    {"violation.rseq-cs-no-access", "the descriptor cannot be read", GET, no_access},
    {"violation.rseq-cs-half-mapped", "the second half of the descriptor is not mapped", GET, half_mapped},
    {"violation.area-unmapped", "struct rseq unmapped", IDS, area_gone},
    {"violation.area-no-access", "struct rseq neither readable nor writable", IDS, area_no_access},
    {"violation.area-read-only", "struct rseq read-only", IDS, area_read_only},
    {"violation.uninterrupted", "version 1, but nothing interrupts", GET, uninterrupted},
    {"outside.none", "a correct descriptor, preempted outside of its section", FIXUP, outside},
    {"outside.version", "version 1, preempted outside", GET, outside_version},
    {"outside.cs-flags", "rseq_cs.flags NO_RESTART_ON_PREEMPT, preempted outside", NEED, outside_cs_flags},
    {"outside.flags", "rseq.flags 7, preempted outside", NEED, outside_flags},
    {"outside.signature", "another signature, preempted outside", GET, outside_signature},
    {"outside.start-in-kernel", "start_ip an address of the kernel", GET, outside_start_in_kernel},
    {"outside.wrap", "start_ip 4096, post_commit_offset -1: nothing is outside", GET, outside_wrap},
    {"outside.abort-inside", "abort_ip inside the section, preempted outside", GET, outside_abort_inside},
    {"outside.abort-in-kernel", "abort_ip an address of the kernel, preempted outside", GET, outside_abort_in_kernel},
    {0},
};
