/* What the kernel keeps in struct rseq. */
#include "rows.h"
#include "rseq.h"
#include "thread.h"

#define UPDATE "kernel/rseq.c rseq_update_cpu_node_id"
#define AUXV "fs/binfmt_elf.c create_elf_tables"

static void feature_size(void) { say("%d", aux(FEATURE_SIZE)); }
static void feature_align(void) { say("%d", aux(FEATURE_ALIGN)); }

static void uninitialized(void) {
  area.cpu_id = -1;
  area.cpu_id_start = 0;
  yield();
  say("cpu_id %d", (long)(int)area.cpu_id);
}

static void after(void) {
  int cpu = one_cpu();
  area.cpu_id = area.cpu_id_start = area.node_id = area.mm_cid = area.slice = 0x5555;
  registered();
  u32 got = -1, node = -1;
  sys(getcpu, &got, &node, 0);
  say("cpu_id_start %s", area.cpu_id_start == got && got == (u32)cpu ? "= getcpu" : "differs from getcpu");
  say("cpu_id %s", area.cpu_id == got ? "= getcpu" : "differs from getcpu");
  say("node_id %s", area.node_id == node ? "= getcpu" : area.node_id == 0x5555 ? "untouched" : "differs from getcpu");
  say("mm_cid %s", area.mm_cid < 8192 && (int)area.mm_cid <= cpu + 64 ? "is small" : area.mm_cid == 0x5555 ? "untouched" : "is large");
  say("byte 28 %s", area.slice == 0x5555 ? "untouched" : "written");
}

static void every_cpu(void) {
  registered();
  int wrong = 0, cpu;
  for (int n = 0; (cpu = nth_cpu(n)) >= 0; n++) {
    pin(cpu);
    if ((int)area.cpu_id != cpu || (int)area.cpu_id_start != cpu || current_cpu() != cpu) wrong++;
  }
  say("wrong on %d CPUs", (long)wrong);
}

/* The first row of a pair: overwritten at the next switch. The second: not before it. */
static void user_writes(volatile u32 *field, u32 expected) {
  *field = 77;
  sleep_ms(10);
  say(*field == expected ? "overwritten" : *field == 77 ? "left" : "something else");
}

static void write_cpu_id_start(void) {
  int cpu = one_cpu();
  registered();
  user_writes(&area.cpu_id_start, cpu);
}

static void write_cpu_id(void) {
  int cpu = one_cpu();
  registered();
  user_writes(&area.cpu_id, cpu);
}

static void write_node_id(void) {
  one_cpu();
  registered();
  user_writes(&area.node_id, area.node_id);
}

static void write_mm_cid(void) {
  one_cpu();
  registered();
  area.mm_cid = 77777;
  sleep_ms(10);
  say(area.mm_cid == 77777 ? "left" : "overwritten");
}

static void write_long(void) {
  int cpu = one_cpu();
  say("%e", rseq(&area, 64, 0, SIGNATURE));
  user_writes(&area.cpu_id_start, cpu);
}

static void write_long_preempted(void) {
  int cpu = one_cpu();
  say("%e", rseq(&area, 64, 0, SIGNATURE));
  area.cpu_id_start = 77;
  preempted_outside();
  say((int)area.cpu_id_start == cpu ? "overwritten" : "left");
}

static void migrated(long length) {
  two_cpus();
  pin(nth_cpu(0));
  say("%e", rseq(&area, length, 0, SIGNATURE));
  area.cpu_id_start = 77;
  pin(nth_cpu(1));
  say((int)area.cpu_id_start == nth_cpu(1) ? "overwritten" : "left");
}

static void write_migrated(void) { migrated(32); }
static void write_long_migrated(void) { migrated(64); }

/* A switch may come at any time: asked until there was none. */
static void write_without_switch(void) {
  registered();
  int kept = 0;
  for (int i = 0; i < 1000 && !kept; i++) {
    area.cpu_id_start = 77;
    sys(getpid);
    kept = area.cpu_id_start == 77;
  }
  say(kept ? "left" : "overwritten");
}

static void write_rest(void) {
  say("%e", rseq(&area, 256, 0, SIGNATURE));
  for (u64 i = 0; i < sizeof area.rest; i++) area.rest[i] = 0x77;
  sleep_ms(10);
  int changed = 0;
  for (u64 i = 1; i < sizeof area.rest; i++) changed += area.rest[i] != 0x77;
  say("%d bytes changed", (long)changed);
}

static struct area areas[2];
static volatile int running, cids[2];

static void holder(void *at) {
  struct area *mine = at;
  int n = mine - areas;
  rseq(mine, 32, 0, SIGNATURE);
  __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
  while (ONCE(running) < 2) asm volatile("pause");
  /* Both run: on two CPUs, or this one waits for the other to be switched in. */
  for (int i = 0; i < 20000; i++) {
    cids[n] = mine->mm_cid;
    asm volatile("pause");
  }
  __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
  while (ONCE(running) < 4) asm volatile("pause");
}

static struct thread holders[2];

static void mm_cids(void) {
  for (int n = 0; n < 2; n++) start(&holders[n], holder, &areas[n]);
  for (int n = 0; n < 2; n++) join(&holders[n]);
  int cpus = 0;
  while (nth_cpu(cpus) >= 0) cpus++;
  say("two threads: %s", cids[0] >= 0 && cids[1] >= 0 && cids[0] < cpus && cids[1] < cpus ? "in range" : "out of range");
}

static void flags_kept(void) {
  registered();
  area.flags = 0;
  sleep_ms(10);
  say("flags %x", (u64)area.flags);
}

const struct row fields_rows[] = {
    {"auxv.feature-size", "AT_RSEQ_FEATURE_SIZE", AUXV, feature_size},
    {"auxv.align", "AT_RSEQ_ALIGN", AUXV, feature_align},
    {"fields.unregistered", "an area that is not registered", "kernel/rseq.c", uninitialized},
    {"fields.registered", "the fields when rseq(2) has returned", UPDATE, after},
    {"fields.every-cpu", "cpu_id agrees with getcpu(2) on every CPU", UPDATE, every_cpu},
    {"fields.mm-cid-range", "mm_cid is below the number of CPUs", "kernel/sched/sched.h mm_get_cid", mm_cids},
    {"fields.flags", "rseq.flags while nothing is wrong", UPDATE, flags_kept},
    {"fields.write-cpu-id-start", "the program writes cpu_id_start, then sleeps", UPDATE, write_cpu_id_start},
    {"fields.write-cpu-id", "the program writes cpu_id, then sleeps", UPDATE, write_cpu_id},
    {"fields.write-node-id", "the program writes node_id, then sleeps", UPDATE, write_node_id},
    {"fields.write-mm-cid", "the program writes mm_cid, then sleeps", UPDATE, write_mm_cid},
    {"fields.write-no-switch", "the program writes cpu_id_start and is not switched out", UPDATE, write_without_switch},
    {"fields.write-long", "registered with 64 bytes: cpu_id_start written, then sleep", UPDATE, write_long},
    {"fields.write-long-preempted", "registered with 64 bytes: cpu_id_start written, then preempted", UPDATE, write_long_preempted},
    {"fields.write-migrated", "cpu_id_start written, then migrated", UPDATE, write_migrated},
    {"fields.write-long-migrated", "the same, registered with 64 bytes", UPDATE, write_long_migrated},
    {"fields.write-rest", "what lies behind the fields, 256 bytes registered", UPDATE, write_rest},
    {0},
};
