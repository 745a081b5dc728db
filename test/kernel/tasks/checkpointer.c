/*
 * A checkpointer: it stops a thread that is inside a restartable section, reads its registration, struct rseq and descriptor before anything runs in it, and moves
 * it to its abort handler, as the kernel would have. And some that are wrong, each in its own way. Then a new process is made out of the memory of an old one.
 */
#include "traced.h"

static volatile struct {
  unsigned cpu_id_start, cpu_id;
  ulong rseq_cs;
  unsigned flags, node_id, mm_cid, pad[9];
} area __attribute__((aligned(64)));
struct area {
  unsigned cpu_id_start, cpu_id;
  ulong rseq_cs;
};
struct descriptor {
  unsigned version, flags;
  ulong start, length, abort;
};
enum { SIGNATURE = 0x53053053, CONFIGURATION = 0x420f, GETREGSET = 0x4204, SETREGSET = 0x4205, SEIZE = 0x4206, INTERRUPT = 0x4207, PRSTATUS = 1 };

static volatile ulong count_, release_, rounds_;
void count_once(void), count_abort(void), waits(void), waits_end(void), inject(void), unsigned_once(void), unsigned_abort(void);
extern char __bss_start[], _end[];
/* It reads the count, waits to be released, and stores one more. The other one has the wrong signature. */
__asm__(".pushsection .data\n .balign 32\n"
        "count_cs: .long 0, 0\n .quad count_start, count_end - count_start, count_abort\n"
        "unsigned_cs: .long 0, 0\n .quad unsigned_start, unsigned_end - unsigned_start, unsigned_abort\n .popsection\n .text\n"
        ".globl count_once\ncount_once: lea count_cs(%rip), %rax\n mov %rax, 8+area(%rip)\n"
        "count_start: mov count_(%rip), %rax\n"
        ".globl waits\nwaits: cmpq $0, release_(%rip)\n je waits\n"
        ".globl waits_end\nwaits_end: inc %rax\n mov %rax, count_(%rip)\n"
        "count_end: ret\n .long 0x53053053\n"
        ".globl count_abort\ncount_abort: jmp count_once\n"
        ".globl unsigned_once\nunsigned_once: lea unsigned_cs(%rip), %rax\n mov %rax, 8+area(%rip)\n"
        "unsigned_start: int3\n nop\n"
        "unsigned_end: ret\n .long 0x12345678\n"
        ".globl unsigned_abort\nunsigned_abort: mov $66, %edi\n mov $231, %eax\n syscall\n"
        ".globl inject\ninject: syscall\n int3\n");

static void counts(void) {
  call(rseq, &area, 64, 0, SIGNATURE);
  count_once();
  leave(count_);
}
/* Counts, and stops where the kernel may not have cleared rseq_cs yet. */
static void counts_and_stops(void) {
  call(rseq, &area, 64, 0, SIGNATURE);
  release_ = 1;
  for (;;) {
    count_once();
    __asm__ volatile("int3");
  }
}
static void calls_unsigned(void) {
  call(rseq, &area, 64, 0, SIGNATURE);
  unsigned_once();
  leave(0);
}

/* ---------------------------------------------------------------- what a checkpointer does */

static int wait_(long pid) {
  int status = 0x5555;
  call(wait4, pid, &status, WALL, 0);
  return status;
}
static long move(long request, long pid, void *here, ulong there, ulong size) {
  ulong local[2] = {(ulong)here, size}, remote[2] = {there, size};
  return call6(request, pid, (long)local, 1, (long)remote, 1, 0);
}
static long read_(long pid, void *to, ulong from, ulong size) { return move(__NR_process_vm_readv, pid, to, from, size); }
static long write_(long pid, ulong to, void *from, ulong size) { return move(__NR_process_vm_writev, pid, from, to, size); }
static struct regs get(long pid) {
  struct regs regs;
  ulong vector[2] = {(ulong)&regs, sizeof regs};
  call(ptrace, GETREGSET, pid, PRSTATUS, vector);
  return regs;
}
static void put(long pid, struct regs regs) {
  ulong vector[2] = {(ulong)&regs, sizeof regs};
  /* it is in no system call that would be made again */
  regs.orig_ax = -1;
  call(ptrace, SETREGSET, pid, PRSTATUS, vector);
}
static void poke(long pid, volatile void *address, long word) { trace(POKEDATA, pid, address, word); }

struct configuration {
  ulong pointer;
  unsigned size, signature, flags, pad;
};
struct frozen {
  struct regs regs;
  struct configuration configuration;
  struct area area;
  struct descriptor descriptor;
};
/* All that is to be known of a thread, before anything runs in it. */
static struct frozen look(long pid) {
  struct frozen found;
  zero(&found, sizeof found);
  found.regs = get(pid);
  call(ptrace, CONFIGURATION, pid, sizeof found.configuration, &found.configuration);
  if (found.configuration.pointer) read_(pid, &found.area, found.configuration.pointer, sizeof found.area);
  if (found.area.rseq_cs) read_(pid, &found.descriptor, found.area.rseq_cs, sizeof found.descriptor);
  return found;
}
/* As the kernel judges it (kernel/rseq.c rseq_get_rseq_cs). */
static const char *wrong(long pid, const struct frozen *frozen) {
  const struct descriptor *cs = &frozen->descriptor;
  const ulong most = 0x7ffffffff000;
  if (frozen->area.rseq_cs >= most) return "address";
  if (cs->start >= most || cs->start + cs->length >= most || cs->abort >= most || cs->version) return "range";
  if (cs->start + cs->length < cs->start || cs->abort - cs->start < cs->length) return "range";
  if ((unsigned)peek(pid, (void *)(cs->abort - 4)) != frozen->configuration.signature) return "signature";
  return 0;
}
static int is_inside(const struct frozen *frozen) { return frozen->area.rseq_cs && frozen->regs.ip - frozen->descriptor.start < frozen->descriptor.length; }
static void disarm(long pid, const struct frozen *frozen) {
  ulong none = 0;
  write_(pid, frozen->configuration.pointer + 8, &none, 8);
}
static void abort_(long pid, struct frozen *frozen) {
  frozen->regs.ip = frozen->descriptor.abort;
  put(pid, frozen->regs);
  disarm(pid, frozen);
}
/* A system call that the thread makes, and what it gives. */
static long inject_(long pid, struct regs regs, long number, long a, long b, long c, long d) {
  regs.ip = (ulong)inject, regs.ax = number, regs.di = a, regs.si = b, regs.dx = c, regs.r10 = d;
  put(pid, regs);
  trace(PCONT, pid);
  wait_(pid);
  return get(pid).ax;
}

/* --------------------------------------------------------------------- what there is to freeze */

/* Stops the thread behind the section's read, in front of its store. Others may have stopped it elsewhere before. */
static struct frozen stop_waiting(long pid) {
  for (;;) {
    call(ptrace, INTERRUPT, pid, 0, 0);
    int status = wait_(pid);
    struct frozen found = look(pid);
    if (found.regs.ip >= (ulong)waits && found.regs.ip < (ulong)waits_end) return found;
    if (status != (TRAP << 8 | 0x7f | 128 << 16)) say("stopped by %x", status);
    trace(PCONT, pid), call(sched_yield);
  }
}
static long begin(void (*run)(void)) {
  long pid = call(fork);
  if (pid == 0) {
    run();
    leave(99);
  }
  return pid;
}
static long waiting(void) {
  count_ = release_ = 0;
  long pid = begin(counts);
  say("seize %ld", call(ptrace, SEIZE, pid, 0, 0));
  return pid;
}
/* While it stands still another thread counts, on what was its CPU. */
static void meanwhile(long pid) { poke(pid, &count_, peek(pid, (void *)&count_) + 1); }
static void ends(const char *what, long pid) {
  poke(pid, &release_, 1);
  trace(PCONT, pid);
  int status = wait_(pid);
  if (status & 0x7f) say("%s: killed by %d", what, status & 0x7f);
  else say("%s: counted %d", what, status >> 8);
}
static void say_frozen(const struct frozen *frozen) {
  say("registered: %s, size %d, signature %x, flags %x", frozen->configuration.pointer == (ulong)&area ? "there" : "elsewhere", frozen->configuration.size, frozen->configuration.signature, frozen->configuration.flags);
  say("rseq_cs %s, inside %d", frozen->area.rseq_cs ? "set" : "clear", is_inside(frozen));
}

PART(checkpointer) {
  /* the right way */
  long pid = waiting();
  struct frozen frozen = stop_waiting(pid);
  say_frozen(&frozen);
  const char *what = wrong(pid, &frozen);
  say("descriptor: %s", what ? what : "valid");
  if (!what && is_inside(&frozen)) abort_(pid, &frozen);
  meanwhile(pid), ends("moved to the abort handler", pid);

  /* only stopped: the kernel aborts it when it goes on */
  pid = waiting();
  stop_waiting(pid);
  meanwhile(pid), ends("left alone", pid);

  /* the naive way */
  pid = waiting();
  frozen = stop_waiting(pid);
  disarm(pid, &frozen);
  meanwhile(pid), ends("kept its position, rseq_cs cleared", pid);

  /* code of the checkpointer runs in the thread first: the kernel clears rseq_cs */
  pid = waiting();
  struct regs regs = stop_waiting(pid).regs;
  say("getpid there: %d", inject_(pid, regs, __NR_getpid, 0, 0, 0, 0) == pid);
  frozen = look(pid);
  frozen.regs = regs;
  say_frozen(&frozen);
  if (is_inside(&frozen)) abort_(pid, &frozen);
  else put(pid, regs);
  meanwhile(pid), ends("rseq_cs read too late", pid);

  /* behind the section, with rseq_cs still there */
  pid = tracee(counts_and_stops);
  wait_(pid), trace(PCONT, pid);
  for (wait_(pid), frozen = look(pid); !frozen.area.rseq_cs; frozen = look(pid)) trace(PCONT, pid), wait_(pid);
  say_frozen(&frozen);
  ulong before = peek(pid, (void *)&count_);
  /* a call of the handler, which does it once more, returns to where the thread was */
  frozen.regs.sp -= 8, poke(pid, (void *)frozen.regs.sp, frozen.regs.ip);
  abort_(pid, &frozen);
  trace(PCONT, pid), wait_(pid);
  say("aborted without a look at its position: counted %ld more than once", peek(pid, (void *)&count_) - before - 1);
  trace(PKILL, pid), wait_(pid);
}

/* ------------------------------------------------------------------- what is not a descriptor */

static long at_unsigned(void) {
  for (;;) {
    long pid = tracee(calls_unsigned);
    wait_(pid), trace(PCONT, pid);
    /* preempted in front of its int3 it is killed */
    if ((wait_(pid) & 0xffff) == (TRAP << 8 | 0x7f)) return pid;
    trace(PCONT, pid), wait_(pid);
  }
}
PART(unsigneds) {
  long pid = at_unsigned();
  struct frozen frozen = look(pid);
  say("inside %d, descriptor: %s", is_inside(&frozen), wrong(pid, &frozen));
  trace(PCONT, pid);
  told("left alone", pid);
  trace(PCONT, pid, 0, SEGV), told("and then", pid);
  pid = at_unsigned();
  frozen = look(pid);
  abort_(pid, &frozen);
  trace(PCONT, pid), told("moved without a look at the signature", pid);
}

/* ----------------------------------------------------------------- a new process out of an old one */

static void copy(long from, long to, ulong start, ulong end) {
  static char bytes[4096];
  for (ulong at = start, size; at < end; at += size) {
    size = end - at < sizeof bytes ? end - at : sizeof bytes;
    if (read_(from, bytes, at, size) != (long)size || write_(to, at, bytes, size) != (long)size) say("cannot copy");
  }
}
static void nothing(void) { leave(98); }
static void say_length(long pid, struct regs regs, long length, long flags) { say("register %d bytes, flags %d: %ld", length, flags, inject_(pid, regs, __NR_rseq, &area, length, flags, SIGNATURE)); }

PART(anew) {
  char *top = (char *)__builtin_frame_address(0) + 64;
  long old = waiting();
  struct frozen frozen = stop_waiting(old);
  abort_(old, &frozen);
  meanwhile(old);
  long pid = tracee(nothing);
  wait_(pid);
  struct frozen fresh = look(pid);
  say_frozen(&fresh);
  copy(old, pid, (ulong)&area & -4096, (ulong)_end);
  copy(old, pid, frozen.regs.sp - 128, (ulong)top);
  call(kill, old, KILL), wait_(old);
  /* lengths that are no length of a registration */
  say_length(pid, fresh.regs, 20, 0), say_length(pid, fresh.regs, 28, 0), say_length(pid, fresh.regs, 64, 8);
  say_length(pid, fresh.regs, frozen.configuration.size, frozen.configuration.flags);
  say_length(pid, fresh.regs, frozen.configuration.size, 0), say_length(pid, fresh.regs, 32, 0);
  put(pid, frozen.regs);
  trace(PCONT, pid);
  /* the kernel knows of it: it writes the numbers, and aborts */
  long status;
  for (;;) {
    call(kill, pid, STOP);
    status = wait_(pid);
    fresh = look(pid);
    if (fresh.regs.ip >= (ulong)waits && fresh.regs.ip < (ulong)waits_end) break;
    trace(PCONT, pid), call(sched_yield);
  }
  say("the new one is stopped by %d", status >> 8);
  say_frozen(&fresh);
  say("cpu_id %s", fresh.area.cpu_id < 4096 && fresh.area.cpu_id == fresh.area.cpu_id_start ? "written" : "not written");
  meanwhile(pid), ends("in a new process", pid);
}
