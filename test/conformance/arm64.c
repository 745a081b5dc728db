/* What only arm64 has: its signal frames, faults, register sets, numbers. */
#include "rows.h"
#include "signals.h"
#include "thread.h"
#include "tracer.h"
#include <linux/elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/utsname.h>
#include <asm/stat.h>
#include <linux/uio.h>

#define FRAME "arch/arm64/kernel/signal.c setup_rt_frame"
#define FAULT "arch/arm64/mm/fault.c"
#define TRAPS "arch/arm64/kernel/traps.c, debug-monitors.c"
#define REGSETS "arch/arm64/kernel/ptrace.c"

/* Registers as a handler finds them: x0, x1, x2, x29, x30, sp. */
static volatile u64 found[6] __attribute__((used));
static handler *volatile then __attribute__((used));
void raw(int, siginfo_t *, struct ucontext *);
asm(".text\nraw:\n adrp x3, found\n add x3, x3, :lo12:found\n stp x0, x1, [x3]\n stp x2, x29, [x3, #16]\n mov x4, sp\n stp x30, x4, [x3, #32]\n"
    " adrp x3, then\n ldr x3, [x3, :lo12:then]\n br x3\n");

static void nothing(int number, siginfo_t *info, struct ucontext *context) {}
static void over(int number, siginfo_t *info, struct ucontext *context) { context->uc_mcontext.pc += 4; }

/* sigaction(2) as the C library does it: no SA_RESTORER. */
static long on_signal_plain(int number, handler *function, u64 flags) {
  struct {
    handler *function;
    u64 flags;
    void *restorer;
    u64 mask;
  } action = {function, flags, 0, 0};
  return sys(rt_sigaction, number, &action, 0, 8);
}

static u64 record[2];
static void keeps_record(int number, siginfo_t *info, struct ucontext *context) {
  record[0] = ((u64 *)found[3])[0];
  record[1] = ((u64 *)found[3])[1];
  over(number, info, context);
}

static void frame(void) {
  then = keeps_record;
  on_signal(SIGILL, raw, 0);
  u64 fp, lr, sp;
  asm volatile("mov %0, x29\n mov x30, #0x1230\n mov %1, x30\n mov %2, sp\n udf #0" : "=&r"(fp), "=&r"(lr), "=&r"(sp) : : "x30", "memory");
  say("signal %d", found[0]);
  say("info at sp + %d, context at sp + %d", found[1] - found[5], found[2] - found[5]);
  say("record at sp + %d", found[3] - found[5]);
  say("record holds %s, %s", record[0] == fp ? "x29" : "something else", record[1] == lr ? "x30" : "something else");
  say("sp is %s", found[5] % 16 ? "not aligned" : "aligned");
  say("below by %d", (sp & ~15ul) - found[3]);
}

static void returns(void) {
  then = over;
  on_signal_plain(SIGILL, raw, SA_SIGINFO);
  asm volatile("udf #0" : : : "memory");
  u32 *code = (u32 *)found[4];
  say("returns by %x %x", code[0], code[1]);
  on_signal_plain(SIGUSR1, raw, 0);
  then = nothing;
  found[1] = 1;
  send_to(sys(gettid), SIGUSR1);
  say("without SA_SIGINFO: signal %d", found[0]);
}

static u64 seen[34], pattern[31];
static void registers_seen(int number, siginfo_t *info, struct ucontext *context) {
  for (int i = 0; i < 31; i++) seen[i] = context->uc_mcontext.regs[i];
  seen[31] = context->uc_mcontext.pstate;
  context->uc_mcontext.regs[7] = 777;
  context->uc_mcontext.pstate ^= 0xf0000000;
  context->uc_mcontext.pc += 4;
}

static void registers(void) {
  on_signal(SIGILL, registers_seen, 0);
  for (int i = 0; i < 31; i++) pattern[i] = 1000 + i;
  u64 flags, seventh;
  asm volatile("stp x29, x30, [sp, #-32]!\n str x18, [sp, #16]\n"
               " ldr x0, =pattern\n ldp x2, x3, [x0, #16]\n ldp x4, x5, [x0, #32]\n ldp x6, x7, [x0, #48]\n ldp x8, x9, [x0, #64]\n ldp x10, x11, [x0, #80]\n"
               " ldp x12, x13, [x0, #96]\n ldp x14, x15, [x0, #112]\n ldp x16, x17, [x0, #128]\n ldr x18, [x0, #144]\n ldp x20, x21, [x0, #160]\n ldp x22, x23, [x0, #176]\n"
               " ldp x24, x25, [x0, #192]\n ldp x26, x27, [x0, #208]\n ldp x28, x29, [x0, #224]\n ldr x30, [x0, #240]\n ldp x0, x1, [x0]\n"
               " cmp xzr, xzr\n udf #0\n mrs x0, nzcv\n mov x1, x7\n ldr x18, [sp, #16]\n ldp x29, x30, [sp], #32\n mov %0, x0\n mov %1, x1\n"
               : "=r"(flags), "=r"(seventh)
               :
               : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x20", "x21", "x22", "x23", "x24", "x25", "x26",
                 "x27", "x28", "memory", "cc");
  int wrong = 0;
  for (int i = 0; i < 31; i++) wrong += i != 19 && seen[i] != pattern[i];
  say("%d registers differ", wrong);
  say("flags %x", seen[31] >> 28 & 15);
  say("behind the handler flags %x, x7 %d", flags >> 28, seventh);
}

static u64 fault_address;
static u32 magic[8], size[8];
static u64 syndrome;
static int records;
static void walk(int number, siginfo_t *info, struct ucontext *context) {
  char *at = (char *)context->uc_mcontext.__reserved;
  records = 0;
  syndrome = 0;
  fault_address = context->uc_mcontext.fault_address;
  for (;;) {
    struct _aarch64_ctx *head = (void *)at;
    magic[records] = head->magic;
    size[records++] = head->size;
    if (!head->magic || records == 8) break;
    if (head->magic == ESR_MAGIC) syndrome = ((struct esr_context *)head)->esr;
    at += head->size;
  }
  found[0] = info->si_code;
  found[1] = (u64)info->si_addr;
  context->uc_mcontext.pc = context->uc_mcontext.regs[30];
}

static void say_records(void) {
  for (int i = 0; i < records; i++) say("%x %d", magic[i], size[i]);
}

static void plain_records(void) {
  on_signal(SIGUSR1, walk, 0);
  long process = sys(getpid), thread = sys(gettid);
  register long number asm("x8") = __NR_tgkill;
  register long a asm("x0") = process;
  register long b asm("x1") = thread;
  register long c asm("x2") = SIGUSR1;
  asm volatile("adr x30, 1f\n svc #0\n1:" : "+r"(a) : "r"(number), "r"(b), "r"(c) : "x30", "memory");
  say_records();
}

/* Class, whether it wrote, and the kind of fault; levels of page tables are the machine's. */
static void say_fault(u64 address) {
  say("si_code %d", found[0]);
  say("si_addr %s", found[1] == address ? "right" : "wrong");
  say("fault_address %s", fault_address == address ? "right" : fault_address ? "wrong" : "0");
  say("class %x, writes %d, status %x", syndrome >> 26, syndrome >> 6 & 1, syndrome & 0x3c);
}

#define AT(instruction, address)                                                                                       \
  do {                                                                                                                 \
    register u64 x9 asm("x9") = (u64)(address);                                                                        \
    asm volatile("adr x30, 1f\n" instruction "\n1:" : "+r"(x9) : : "x10", "x11", "x30", "memory");                     \
  } while (0)

static void faults(void) {
  on_signal(SIGSEGV, walk, 0);
  on_signal(SIGBUS, walk, 0);
  char *page = map(8192);
  *page = 1;
  sys(mprotect, page, 4096, PROT_READ);
  sys(munmap, page + 4096, 4096);
  AT("ldr x10, [x9]", page + 4100);
  say("read"), say_fault((u64)page + 4100);
  AT("str x10, [x9]", page + 4100);
  say("write"), say_fault((u64)page + 4100);
  AT("str x10, [x9]", page + 8);
  say("read-only"), say_fault((u64)page + 8);
  AT("br x9", page);
  say("execute"), say_fault((u64)page);
  say_records();
}

static void misaligned(void) {
  on_signal(SIGBUS, walk, 0);
  static u64 word[2];
  AT("ldxr x10, [x9]", (char *)word + 1);
  say("ldxr si_code %d, si_addr %s", found[0], found[1] == (u64)word + 1 ? "right" : "wrong");
  say("class %x", syndrome >> 26);
}

static void jump(void) {
  on_signal(SIGBUS, walk, 0);
  AT("br x9", (u64)frame + 2);
  say("si_code %d, si_addr %s, class %x", found[0], found[1] == (u64)frame + 2 ? "right" : "wrong", syndrome >> 26);
}

static void traps(void) {
  on_signal(SIGILL, walk, 0);
  on_signal(SIGTRAP, walk, 0);
  u64 here;
  asm volatile("adr %0, 2f\n adr x30, 1f\n2: udf #0\n1:" : "=&r"(here) : : "x30", "memory");
  say("udf si_code %d, si_addr %s, %d records", found[0], found[1] == here ? "right" : "wrong", records);
  asm volatile("adr %0, 2f\n adr x30, 1f\n2: brk #7\n1:" : "=&r"(here) : : "x30", "memory");
  say("brk si_code %d, si_addr %s, %d records", found[0], found[1] == here ? "right" : "wrong", records);
}

/* General registers only are compiled: vectors are the assembler's. */
static u64 vectors[4] __attribute__((used));
static void changes_vectors(int number, siginfo_t *info, struct ucontext *context) {
  struct fpsimd_context *state = (void *)context->uc_mcontext.__reserved;
  say("v5 %x %x", (u64)state->vregs[5], (u64)(state->vregs[5] >> 64));
  state->vregs[6] = 0x66;
  asm volatile(".arch armv8-a+simd\n movi v5.2d, #0\n movi v31.2d, #0");
  context->uc_mcontext.pc += 4;
}

static void vector(void) {
  on_signal(SIGILL, changes_vectors, 0);
  asm volatile(".arch armv8-a+simd\n mov x9, #0x55\n fmov d5, x9\n mov v5.d[1], x9\n fmov d31, x9\n udf #0\n ldr x10, =vectors\n"
               " mov x9, v5.d[1]\n str x9, [x10]\n fmov x9, d6\n str x9, [x10, #8]\n fmov x9, d31\n str x9, [x10, #16]\n" : : : "x9", "x10", "memory");
  say("v5 %x, v6 %x, v31 %x", vectors[0], vectors[1], vectors[2]);
}

static void spoils(int number, siginfo_t *info, struct ucontext *context) {
  struct _aarch64_ctx *head = (void *)context->uc_mcontext.__reserved;
  context->uc_mcontext.pc += 4;
  if (found[0] == 0) head->magic = 0x12345678;
  if (found[0] == 1) head->size = 8;
  if (found[0] == 2) head->magic = 0, head->size = 0;
  if (found[0] == 3) context->uc_mcontext.pstate |= 5; /* EL1h */
}

static void spoilt(void) {
  static const char *const what[] = {"magic", "size", "none", "pstate"};
  for (int i = 0; i < 4; i++) {
    long pid = fork();
    if (pid == 0) {
      on_signal(SIGILL, spoils, 0);
      found[0] = i;
      asm volatile("udf #0" : : : "memory");
      leave(0);
    }
    say_status(what[i], wait_for(pid));
  }
  long pid = fork();
  if (pid == 0) {
    asm volatile("sub sp, sp, #8\n mov x8, #139\n svc #0" : : : "memory");
    leave(0);
  }
  say_status("sp", wait_for(pid));
}

static void stacks(void) {
  struct {
    void *sp;
    int flags;
    u64 size;
  } stack = {map(16384), 0, 5119};
  say("5119 %e", sys(sigaltstack, &stack, 0));
  stack.size = 5120;
  say("5120 %e", sys(sigaltstack, &stack, 0));
  say("AT_MINSIGSTKSZ %d", aux(51));
  then = over;
  on_signal(SIGILL, raw, SA_ONSTACK);
  asm volatile("udf #0" : : : "memory");
  say("record below its end by %d", (u64)stack.sp + stack.size - found[3]);
}

static void numbers(void) {
  struct new_utsname names;
  sys(uname, &names);
  say("%s", names.machine);
  long directory = sys(openat, AT_FDCWD, "/proc", O_DIRECTORY | O_NOFOLLOW | O_RDONLY);
  say("F_GETFL %x", sys(fcntl, directory, F_GETFL) & ~0x20000 & ~0x8000);
  say("large file %d", (sys(fcntl, directory, F_GETFL) & 0400000) != 0);
  int ends[2];
  struct stat stat;
  sys(pipe2, ends, 0);
  say("fstat %e", sys(fstat, ends[0], &stat));
  say("mode %x, links %d, size %d, block %d", stat.st_mode, stat.st_nlink, stat.st_size, stat.st_blksize);
}

static void runs(void) {
  register u64 x8 asm("x8") = __NR_getppid;
  register u64 x0 asm("x0") = 0x4321;
  asm volatile("brk #0\n add x9, x9, #1\n svc #0" : "+r"(x0) : "r"(x8) : "x9", "memory");
}

static long set(long pid, long which, void *data, u64 room) {
  struct iovec part = {data, room};
  long result = trace(PTRACE_GETREGSET, pid, which, &part);
  return result < 0 ? result : (long)part.iov_len;
}

static void tracer(void) {
  long pid = tracee(runs);
  static u64 words[100];
  say_status("child", resume(PTRACE_CONT, pid));
  say("general %e, vectors %e", set(pid, NT_PRSTATUS, words, sizeof words), set(pid, NT_PRFPREG, words + 40, sizeof words - 320));
  u64 pc = words[32];
  say("x0 %x, x8 %d", words[0], words[8]);
  int call = 0;
  say("call %e %d", set(pid, NT_ARM_SYSTEM_CALL, &call, sizeof call), call);
  say("PEEKUSR %e, GETREGS %e, GETFPREGS %e", trace(3, pid, 0, words + 90), trace(12, pid, 0, words + 90), trace(14, pid, 0, words + 90));
  words[32] = pc + 4;
  struct iovec part = {words, 272};
  say("set %e", trace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &part));
  say_status("step", resume(PTRACE_SINGLESTEP, pid));
  set(pid, NT_PRSTATUS, words, sizeof words);
  say("pc + %d", words[32] - pc);
  say_status("call", resume(PTRACE_SYSCALL, pid));
  set(pid, NT_PRSTATUS, words, sizeof words);
  set(pid, NT_ARM_SYSTEM_CALL, &call, sizeof call);
  say("pc + %d, call %d, x0 %x, x7 %d", words[32] - pc, call, words[0], words[7]);
  end(pid);
}

const struct row arm64_rows[] = {
    {"arm64.frame", "a handler's registers and its frame", FRAME, frame},
    {"arm64.returns", "a handler without SA_RESTORER", "arch/arm64/kernel/vdso/sigreturn.S", returns},
    {"arm64.registers", "registers and flags in the frame, and behind the handler", FRAME, registers},
    {"arm64.records", "records of the frame of an ordinary signal", FRAME, plain_records},
    {"arm64.faults", "faults of memory", FAULT, faults},
    {"arm64.misaligned", "an exclusive load that is not aligned", FAULT, misaligned},
    {"arm64.jump", "a jump to an odd address", FAULT, jump},
    {"arm64.traps", "udf and brk", TRAPS, traps},
    {"arm64.vectors", "vector registers in the frame", FRAME, vector},
    {"arm64.spoilt", "rt_sigreturn(2) of a frame that is none", "arch/arm64/kernel/signal.c restore_sigframe", spoilt},
    {"arm64.stacks", "alternate stacks", "kernel/signal.c do_sigaltstack", stacks},
    {"arm64.numbers", "flags of open(2), uname(2), struct stat", "arch/arm64/include/uapi/asm", numbers},
    {"arm64.tracer", "what a tracer sees", REGSETS, tracer},
    {0},
};
