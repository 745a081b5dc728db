/* What the processor refuses, as a signal: si_code, address, and what the frame says of the fault. */
#include "rows.h"
#include "signals.h"
#include "thread.h"
#include <linux/mman.h>

#define SIGNAL "kernel/signal.c"
#define FAULT "arch/x86/mm/fault.c"
#define TRAPS "arch/x86/kernel/traps.c"
#define MCONTEXT uc_mcontext

static volatile int *volatile nowhere = (int *)16;

static void fault(int number, siginfo_t *info, struct ucontext *context) {
  say(signal_name(number));
  say("si_code %d", (long)info->si_code);
  say("address %s", info->si_addr == (void *)context->MCONTEXT.rip ? "of the instruction" : info->si_addr ? "of the operand" : "0");
  say("trap %d, error %x", (long)context->MCONTEXT.trapno, (u64)context->MCONTEXT.err);
  if (number == SIGSEGV && info->si_addr) say("cr2 %s", context->MCONTEXT.cr2 == (u64)info->si_addr ? "= si_addr" : "differs");
  done();
}

static void faults(void) {
  on_signal(SIGSEGV, fault, 0);
  on_signal(SIGILL, fault, 0);
  on_signal(SIGFPE, fault, 0);
  on_signal(SIGTRAP, fault, 0);
  on_signal(SIGBUS, fault, 0);
}

static void read_null(void) { faults(); *nowhere; }
static void write_null(void) { faults(); *nowhere = 1; }
static void read_only(void) {
  faults();
  volatile int *page = map(4096);
  *page = 1;
  sys(mprotect, page, 4096, PROT_READ);
  *page = 1;
}
static void no_access(void) {
  faults();
  volatile int *page = map(4096);
  *page = 1;
  sys(mprotect, page, 4096, PROT_NONE);
  *page;
}
static void not_executable(void) {
  faults();
  char *page = map(4096);
  *page = (char)0xc3;
  ((void (*)(void))page)();
}
static void execute_unmapped(void) { faults(); ((void (*)(void))0x10)(); }
static void kernel_address(void) { faults(); *(volatile int *)0xffffffff81000000; }
static void not_canonical(void) { faults(); *(volatile int *)0x800000000000; }
static void divide(void) { faults(); asm volatile("xor %%ecx, %%ecx\n xor %%edx, %%edx\n div %%ecx" : : : "eax", "ecx", "edx"); }
static void ud2(void) { faults(); asm volatile("ud2"); }
static void int3(void) { faults(); asm volatile("int3"); }
static void hlt(void) { faults(); asm volatile("hlt"); }
static void int_4(void) { faults(); asm volatile("int $4"); }
static void fault_blocked(void) { faults(); block(SIG_BLOCK, bit(SIGSEGV), 0); *nowhere; }
static void fault_ignored(void) { on_signal(SIGSEGV, (handler *)1, 0); *nowhere; }

const struct row fault_rows[] = {
    {"fault.read", "a read where nothing is mapped", FAULT, read_null},
    {"fault.write", "a write where nothing is mapped", FAULT, write_null},
    {"fault.read-only", "a write to a read-only page", FAULT, read_only},
    {"fault.no-access", "a read of a PROT_NONE page", FAULT, no_access},
    {"fault.not-executable", "a jump to a page that is not executable", FAULT, not_executable},
    {"fault.execute-unmapped", "a jump where nothing is mapped", FAULT, execute_unmapped},
    {"fault.kernel-address", "a read of an address of the kernel", FAULT, kernel_address},
    {"fault.not-canonical", "a read of an address that no memory can have", TRAPS " exc_general_protection", not_canonical},
    {"fault.divide", "a division by zero", TRAPS " exc_divide_error", divide},
    {"fault.ud2", "ud2", TRAPS " exc_invalid_op", ud2},
    {"fault.int3", "int3", TRAPS " exc_int3", int3},
    {"fault.hlt", "an instruction for the kernel only", TRAPS " exc_general_protection", hlt},
    {"fault.int-4", "int 4", TRAPS " exc_overflow", int_4},
    {"fault.blocked", "a fault while SIGSEGV is blocked", SIGNAL " force_sig_info_to_task", fault_blocked},
    {"fault.ignored", "a fault while SIGSEGV is ignored", SIGNAL " force_sig_info_to_task", fault_ignored},
    {0},
};
