/** struct user_regs_struct's names, in its order (arch/x86/include/asm/user_64.h): 64 bits each. PTRACE_GETREGS and NT_PRSTATUS have them. */
export const USER_REGISTERS = [
  ...['r15', 'r14', 'r13', 'r12', 'rbp', 'rbx', 'r11', 'r10', 'r9', 'r8', 'rax', 'rcx', 'rdx', 'rsi', 'rdi'],
  ...['orig_rax', 'rip', 'cs', 'rflags', 'rsp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'],
] as const;
