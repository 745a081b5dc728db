import type { Addr } from '../../abi/address.js';
import type { Flow } from '../../sections/flow.js';
import { constantOf } from '../../sections/nodes.js';
import { INDEX_FIELDS } from '../fields.js';
import type { Report, Rule, RuleContext } from '../rule.js';

/** RSEQ_CPU_ID_REGISTRATION_FAILED in cpu_id: what a library notes in an area that the kernel has just refused. */
const REFUSED = new Set([-2, 0xfffffffe]);

export const writesKernelField: Rule = {
  id: 'writes-kernel-field',
  severity: 'error',
  summary: 'Code writes cpu_id_start, cpu_id, node_id or mm_cid, which belong to the kernel.',
  why: "User space may only read these fields. Programs that wrote them (tcmalloc keeps a cached pointer across cpu_id_start and counts on the kernel overwriting it) worked as long as the kernel rewrote the fields at every context switch. From 6.19 it writes them only when they change, so the program's value stays and memory is corrupted; in the optimized mode of 7.0.10 and newer the kernel detects the write and kills the process.",
  kernels:
    'Up to 6.18: overwritten at the next switch (measured). 6.19 to 7.0.9: left standing. From 7.0.10: registered with 32 bytes, overwritten again; longer, the process is killed. With rseq_debug from 6.19: killed.',
  mend: 'Keep program state in thread-local variables of your own. Until then run with GLIBC_TUNABLES=glibc.pthread.rseq=0 or register 32 bytes.',
  *file(context): Iterable<Report> {
    const { findings, kernel } = context;
    const told = new Set<Addr>();
    for (const flow of findings.flows) {
      for (const { at, fields } of kernelWrites(context, flow)) {
        if (told.has(at)) continue;
        told.add(at);
        const harmless = kernel.kernelFields === 'overwritten';
        const fate = harmless
          ? `Linux ${kernel.version} overwrites it at the next switch; 6.19 to 7.0.9 leave it standing, and newer ones kill the process if more than 32 bytes are registered`
          : `Linux ${kernel.version} ${FATES[kernel.kernelFields] ?? 'does not put it right'}`;
        yield {
          severity: harmless ? 'warning' : 'error',
          at,
          message: `this writes ${fields.join(' and ')} of struct rseq, which the kernel owns: ${fate}`,
        };
      }
    }
  },
};

const FATES: Readonly<Record<string, string>> = {
  stale: 'leaves it standing, so the wrong number is used from then on',
  reported: 'reports it and leaves it standing',
  enforced: 'kills the process',
  'enforced-if-v2': 'kills the process if more than 32 bytes are registered',
};

function* kernelWrites({ findings }: RuleContext, flow: Flow): Iterable<{ at: Addr; fields: string[] }> {
  for (const { address: at, memory } of flow.instructions) {
    if (!memory.some((access) => access.write)) continue;
    for (const access of flow.accesses(at)) {
      const offset = access.write ? findings.area.offsetOf(flow, access.address) : undefined;
      if (offset === undefined) continue;
      const end = offset + Math.max(access.size, 1);
      const fields = [...INDEX_FIELDS]
        .filter(([field]) => offset < field + 4 && end > field)
        .map(([, name]) => name);
      const value = access.value && constantOf(access.value);
      if (fields.length === 0 || (offset === 4 && value !== undefined && REFUSED.has(value))) continue;
      yield { at, fields };
    }
  }
}
