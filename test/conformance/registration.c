/* rseq(2): every errno, and which of several wrong things it names (kernel/rseq.c SYSCALL_DEFINE4(rseq)). */
#include "rows.h"
#include "rseq.h"
#include "thread.h"
#include <linux/mman.h>

#ifdef __aarch64__
#define BEYOND ((void *)(1ul << 52)) /* TASK_SIZE, however large it may be */
#else
#define BEYOND ((void *)0x7ffffffff000) /* TASK_SIZE with four-level page tables */
#endif
#define SOURCE "kernel/rseq.c SYSCALL_DEFINE4(rseq)"
#define UNMAPPED ((void *)0x10000)

static struct area second;
static void *at(u64 offset) { return (char *)&area + offset; }

/* One call that is judged, after a registration of `area` with 32 bytes or without. */
#define FRESH(name, ...) \
  static void name(void) { say("%e", rseq(__VA_ARGS__)); }
#define AFTER(name, ...) \
  static void name(void) { \
    registered(); \
    say("%e", rseq(__VA_ARGS__)); \
  }

FRESH(ok, &area, 32, 0, SIGNATURE)
FRESH(flag_2, &area, 32, 2, SIGNATURE)
FRESH(flag_4, &area, 32, 4, SIGNATURE)
FRESH(flag_before_fault, UNMAPPED, 32, 4, SIGNATURE)
FRESH(length_0, &area, 0, 0, SIGNATURE)
FRESH(length_20, &area, 20, 0, SIGNATURE)
FRESH(length_31, &area, 31, 0, SIGNATURE)
FRESH(length_28, &area, 28, 0, SIGNATURE)
FRESH(length_33, &area, 33, 0, SIGNATURE)
FRESH(length_64, &area, 64, 0, SIGNATURE)
FRESH(length_256, &area, 256, 0, SIGNATURE)
FRESH(length_negative, &area, -1, 0, SIGNATURE)
FRESH(length_64_at_32, at(32), 64, 0, SIGNATURE)
FRESH(length_33_at_32, at(32), 33, 0, SIGNATURE)
FRESH(length_32_at_32, at(32), 32, 0, SIGNATURE)
FRESH(length_32_at_16, at(16), 32, 0, SIGNATURE)
FRESH(length_32_at_1, at(1), 32, 0, SIGNATURE)
FRESH(length_64_at_16, at(16), 64, 0, SIGNATURE)
FRESH(length_before_fault, UNMAPPED, 16, 0, SIGNATURE)
FRESH(alignment_before_fault, (char *)UNMAPPED + 8, 32, 0, SIGNATURE)
FRESH(null, 0, 32, 0, SIGNATURE)
FRESH(unmapped, UNMAPPED, 32, 0, SIGNATURE)
FRESH(task_size, BEYOND, 32, 0, SIGNATURE)
FRESH(kernel_address, (void *)0xffffffff81000000, 32, 0, SIGNATURE)
FRESH(signature_0, &area, 32, 0, 0)
FRESH(unregister_never, &area, 32, RSEQ_UNREGISTER, SIGNATURE)
FRESH(unregister_null, 0, 32, RSEQ_UNREGISTER, SIGNATURE)
FRESH(unregister_null_0, 0, 0, RSEQ_UNREGISTER, 0)

AFTER(again, &area, 32, 0, SIGNATURE)
AFTER(again_flag, &area, 32, 4, SIGNATURE)
AFTER(again_signature, &area, 32, 0, 1)
AFTER(again_address, &second, 32, 0, SIGNATURE)
AFTER(again_length, &area, 64, 0, SIGNATURE)
AFTER(again_short, &area, 16, 0, SIGNATURE)
AFTER(again_address_signature, &second, 32, 0, 1)
AFTER(again_length_signature, &area, 64, 0, 1)
AFTER(again_null, 0, 32, 0, SIGNATURE)
AFTER(unregister, &area, 32, RSEQ_UNREGISTER, SIGNATURE)
AFTER(unregister_flag, &area, 32, RSEQ_UNREGISTER | 2, SIGNATURE)
AFTER(unregister_address, &second, 32, RSEQ_UNREGISTER, SIGNATURE)
AFTER(unregister_unmapped, UNMAPPED, 32, RSEQ_UNREGISTER, SIGNATURE)
AFTER(unregister_length, &area, 64, RSEQ_UNREGISTER, SIGNATURE)
AFTER(unregister_signature, &area, 32, RSEQ_UNREGISTER, 1)
AFTER(unregister_flag_signature, &area, 32, RSEQ_UNREGISTER | 4, 1)
AFTER(unregister_address_signature, &second, 32, RSEQ_UNREGISTER, 1)
AFTER(unregister_length_signature, &area, 64, RSEQ_UNREGISTER, 1)

static void read_only(void) {
  struct area *page = map(4096);
  page->cpu_id = 0;
  sys(mprotect, page, 4096, PROT_READ);
  say("%e", rseq(page, 32, 0, SIGNATURE));
}

static void read_only_rseq_cs(void) {
  struct area *page = map(4096);
  page->rseq_cs = 0x1234;
  sys(mprotect, page, 4096, PROT_READ);
  say("%e", rseq(page, 32, 0, SIGNATURE));
}

/* Still registered, the thread dies when it is next switched out: a child of its own makes the call, another one if it came to that. */
static void unregister_from_read_only(long signature) {
  int status = 0;
  for (int i = 0; i < 50; i++) {
    long pid = fork();
    if (pid == 0) {
      struct area *page = map(4096);
      rseq(page, 32, 0, SIGNATURE);
      sys(mprotect, page, 4096, PROT_READ);
      leave(-rseq(page, 32, RSEQ_UNREGISTER, signature));
    }
    status = wait_for(pid);
    if (!(status & 0x7f)) break;
  }
  if (status & 0x7f) say_status("child", status);
  else say("%e", (long)-(status >> 8));
}

static void unregister_read_only(void) { unregister_from_read_only(SIGNATURE); }
static void unregister_read_only_signature(void) { unregister_from_read_only(1); }

static void refused_leaves(void) {
  registered();
  rseq(&second, 32, 0, SIGNATURE);
  rseq(&area, 32, 0, 1);
  rseq(&area, 32, RSEQ_UNREGISTER, 1);
  say("%e", rseq(&area, 32, 0, SIGNATURE));
}

static void unregister_values(void) {
  registered();
  area.flags = 0;
  say("%e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
  say("cpu_id_start %d", (long)area.cpu_id_start);
  say("cpu_id %d", (long)(int)area.cpu_id);
  say("node_id %d", (long)area.node_id);
  say("mm_cid %d", (long)area.mm_cid);
}

static void unregister_twice(void) {
  registered();
  say("%e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
  say("%e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
}

static void unregister_keeps_rseq_cs(void) {
  registered();
  /* A switch between the store and the call would clear it: the kernel is asked until there was none. */
  for (int i = 0; i < 1000; i++) {
    area.rseq_cs = (u64)&spin_cs;
    rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE);
    if (area.rseq_cs) break;
    rseq(&area, 32, 0, SIGNATURE);
  }
  say(rseq_cs(&area));
}

static void unregistered_is_left_alone(void) {
  registered();
  rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE);
  area.rseq_cs = 0x10;
  preempted_outside();
  say("survived, cpu_id %d", (long)(int)area.cpu_id);
}

static void reregister(void) {
  registered();
  say("%e", rseq(&area, 32, RSEQ_UNREGISTER, SIGNATURE));
  say("%e", rseq(&second, 64, 0, 7));
  say("%e", rseq(&second, 64, RSEQ_UNREGISTER, 7));
  say("%e", rseq(&area, 32, 0, SIGNATURE));
}

static void clears_rseq_cs(void) {
  area.rseq_cs = (u64)&spin_cs;
  say("%e", rseq(&area, 32, 0, SIGNATURE));
  say(rseq_cs(&area));
}

static void clears_nonsense(void) {
  area.rseq_cs = 0xffff800000000000;
  say("%e", rseq(&area, 32, 0, SIGNATURE));
  say(rseq_cs(&area));
}

static void keeps_flags(void) {
  area.flags = 0x30;
  say("%e", rseq(&area, 32, 0, SIGNATURE));
  say("flags %x", (u64)area.flags);
}

const struct row registration_rows[] = {
    {"register.ok", "a thread registers 32 bytes", SOURCE, ok},
    {"register.signature-0", "any signature will do", SOURCE, signature_0},
    {"register.flag-2", "flags 2: SLICE_EXT_DEFAULT_ON since 7.0, unknown before", SOURCE, flag_2},
    {"register.flag-4", "an unknown flag", SOURCE, flag_4},
    {"register.flag-before-fault", "an unknown flag and an unmapped address", SOURCE, flag_before_fault},
    {"register.length-0", "length 0", SOURCE, length_0},
    {"register.length-20", "length 20, the fields that there were before 6.3", SOURCE, length_20},
    {"register.length-28", "length 28, the feature size of 6.3 to 6.19", SOURCE, length_28},
    {"register.length-31", "length 31", SOURCE, length_31},
    {"register.length-33", "length 33, the feature size of 7.0", SOURCE, length_33},
    {"register.length-64", "length 64", SOURCE, length_64},
    {"register.length-256", "length 256", SOURCE, length_256},
    {"register.length-4294967295", "length 2^32 - 1", SOURCE, length_negative},
    {"register.length-32-at-32", "length 32, address a multiple of 32 and no more", SOURCE, length_32_at_32},
    {"register.length-33-at-32", "length 33, address a multiple of 32 and no more", SOURCE, length_33_at_32},
    {"register.length-64-at-32", "length 64, address a multiple of 32 and no more", SOURCE, length_64_at_32},
    {"register.length-32-at-16", "length 32, address a multiple of 16", SOURCE, length_32_at_16},
    {"register.length-32-at-1", "length 32, odd address", SOURCE, length_32_at_1},
    {"register.length-64-at-16", "length 64, address a multiple of 16", SOURCE, length_64_at_16},
    {"register.length-before-fault", "length 16 and an unmapped address", SOURCE, length_before_fault},
    {"register.alignment-before-fault", "a misaligned, unmapped address", SOURCE, alignment_before_fault},
    {"register.null", "address NULL", SOURCE, null},
    {"register.unmapped", "an unmapped address", SOURCE, unmapped},
    {"register.task-size", "the first address that is not the user's", SOURCE, task_size},
    {"register.kernel-address", "an address of the kernel", SOURCE, kernel_address},
    {"register.read-only", "a page that cannot be written: the return to user space cannot store the CPU number", "kernel/rseq.c __rseq_handle_notify_resume", read_only},
    {"register.read-only-rseq-cs", "the same where rseq_cs is not NULL and must be cleared", SOURCE, read_only_rseq_cs},
    {"register.clears-rseq-cs", "rseq_cs is not NULL at registration", SOURCE, clears_rseq_cs},
    {"register.clears-nonsense", "rseq_cs is an address of the kernel at registration", SOURCE, clears_nonsense},
    {"register.keeps-flags", "rseq.flags at registration", SOURCE, keeps_flags},
    {"registered.same", "registering the same again", SOURCE, again},
    {"registered.flag", "the same with an unknown flag", SOURCE, again_flag},
    {"registered.signature", "the same with another signature", SOURCE, again_signature},
    {"registered.address", "another address", SOURCE, again_address},
    {"registered.length", "another length", SOURCE, again_length},
    {"registered.short", "another length, too short", SOURCE, again_short},
    {"registered.address-signature", "another address and another signature", SOURCE, again_address_signature},
    {"registered.length-signature", "another length and another signature", SOURCE, again_length_signature},
    {"registered.null", "address NULL while registered", SOURCE, again_null},
    {"registered.refused-leaves", "refused calls leave the registration as it is", SOURCE, refused_leaves},
    {"unregister.ok", "unregistering", SOURCE, unregister},
    {"unregister.values", "the fields after unregistering", "kernel/rseq.c rseq_reset_rseq_cpu_node_id", unregister_values},
    {"unregister.keeps-rseq-cs", "rseq_cs after unregistering", SOURCE, unregister_keeps_rseq_cs},
    {"unregister.left-alone", "nothing is read or written after unregistering", SOURCE, unregistered_is_left_alone},
    {"unregister.twice", "unregistering twice", SOURCE, unregister_twice},
    {"unregister.then-register", "another area, length and signature after unregistering, and the first again", SOURCE, reregister},
    {"unregister.never", "unregistering what was never registered", SOURCE, unregister_never},
    {"unregister.null", "unregistering NULL where nothing is registered", SOURCE, unregister_null},
    {"unregister.null-0", "the same with length and signature 0", SOURCE, unregister_null_0},
    {"unregister.flag", "another flag beside UNREGISTER", SOURCE, unregister_flag},
    {"unregister.address", "another address", SOURCE, unregister_address},
    {"unregister.unmapped", "an unmapped address", SOURCE, unregister_unmapped},
    {"unregister.length", "another length", SOURCE, unregister_length},
    {"unregister.signature", "another signature", SOURCE, unregister_signature},
    {"unregister.flag-signature", "another flag and another signature", SOURCE, unregister_flag_signature},
    {"unregister.address-signature", "another address and another signature", SOURCE, unregister_address_signature},
    {"unregister.length-signature", "another length and another signature", SOURCE, unregister_length_signature},
    {"unregister.read-only", "the area can no longer be written", "kernel/rseq.c rseq_reset_rseq_cpu_node_id", unregister_read_only},
    {"unregister.read-only-signature", "the area can no longer be written, and another signature", SOURCE, unregister_read_only_signature},
    {0},
};
