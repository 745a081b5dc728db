/* What these programs need of a C library. */
typedef unsigned int u32;
typedef unsigned long u64;
struct rseq { u32 cpu_id_start, cpu_id; u64 rseq_cs; u32 flags, node_id, mm_cid, end; } __attribute__((aligned(32)));
#define SIGNATURE 0x53053053

static long call(long number, long a, long b, long c, long d)
{
	long result;
	register long r10 __asm__("r10") = d;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
	return result;
}
enum { WRITE = 1, NANOSLEEP = 35, FORK = 57, EXECVE = 59, EXIT = 60, WAIT4 = 61, RSEQ = 334 };

__asm__(".globl _start\n.type _start,@function\n_start:\n\tmov (%rsp),%rdi\n\tlea 8(%rsp),%rsi\n\tand $-16,%rsp\n\tcall program\n\tmov %eax,%edi\n\tmov $231,%eax\n\tsyscall\n.size _start,.-_start\n");
