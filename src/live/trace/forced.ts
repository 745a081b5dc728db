/**
 * Was it rseq that made the kernel end a thread by SIGSEGV? The tracepoint does not say; the way in the kernel that led to it does. Linux 4.18 to 6.18 call
 * force_sigsegv() from __rseq_handle_notify_resume(), which may be inlined where the kernel returns to the program; whoever else calls it is about to deliver a
 * signal. Later kernels call force_sig() from functions of rseq's own (kernel/rseq.c, include/linux/rseq_entry.h).
 */
import { kernelFunctions } from '../../linux/kernel-symbols.js';

const OF_RSEQ = /rseq/;
/** With `.part.0` and the like behind it. */
const FORCE = /^force_sigsegv\b/;
/** Of a signal whose frame cannot be put on the stack (arch/x86/kernel/signal.c). */
const OF_DELIVERY = /^(arch_do_signal|handle_signal|setup_rt_frame|signal_setup_done)/;

const known = new Map<bigint, string>();
let hidden = false;

/** `unknown`: the kernel hides its addresses. */
export function isOfRseq(chain: readonly bigint[]): boolean | 'unknown' {
  // Marks between the addresses say whose they are (PERF_CONTEXT_KERNEL).
  const addresses = chain.filter((address) => address < CONTEXTS);
  const fresh = addresses.filter((address) => !known.has(address));
  if (fresh.length > 0 && !hidden) {
    const names = kernelFunctions(fresh);
    hidden = names === undefined;
    for (const [address, name] of names ?? []) known.set(address, name);
  }
  if (hidden) return 'unknown';
  const names = addresses.map((address) => known.get(address) ?? '');
  if (names.some((name) => OF_RSEQ.test(name))) return true;
  return names.some((name) => FORCE.test(name)) && !names.some((name) => OF_DELIVERY.test(name));
}

/** PERF_CONTEXT_MAX: (u64)-4095. */
const CONTEXTS = (1n << 64n) - 4095n;
