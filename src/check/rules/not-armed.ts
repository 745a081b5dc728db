import type { Addr } from '../../abi/address.js';
import { has, VECTOR0 } from '../../isa/instruction.js';
import type { Findings } from '../../sections/find.js';
import { constantOf } from '../../sections/nodes.js';
import { ABORT_IP } from '../../sections/tables.js';
import type { Report, Rule } from '../rule.js';

export const notArmed: Rule = {
  id: 'not-armed',
  severity: 'error',
  summary: 'No code stores the address of this descriptor to rseq_cs.',
  why: "A descriptor does nothing by itself: a section is protected only while the rseq_cs field of the thread's struct rseq points at its descriptor. Without that store the section runs like any other code, and nothing ever aborts it.",
  kernels: 'All: the kernel looks at rseq_cs only.',
  mend: 'Directly in front of start_ip: `lea <descriptor>(%rip), %rax; mov %rax, <rseq_cs>`.',
  *section({ view, findings }): Iterable<Report> {
    const { section } = view;
    const { address } = section.descriptor;
    if (section.armings.length > 0 || address === undefined) return;
    // Some other file may arm it: it is visible there, or its address is kept in data of the program's own.
    const visible = findings.image.symbols.some(
      (symbol) => symbol.address === address && symbol.binding !== 'local',
    );
    if (visible && findings.image.header.type === 'relocatable') return;
    if (findings.referenced.has(address) && view.flow?.truncated === true) return;
    const reader = readerOf(findings, address);
    if (reader !== undefined) {
      yield {
        severity: 'warning',
        at: address,
        message:
          'code reads this descriptor, perhaps to arm a copy of it; no code stores its own address to rseq_cs, and a copy made this way is not followed',
        related: [{ at: reader, message: 'read here' }],
      };
      return;
    }
    const carrier = carrierOf(findings, address);
    if (carrier !== undefined) {
      yield {
        severity: 'warning',
        at: address,
        message:
          'code moves the address of this descriptor to a vector register, where it is not followed; no other code stores it to rseq_cs',
        related: [{ at: carrier, message: 'moved here' }],
      };
      return;
    }
    const how = findings.referenced.has(address)
      ? 'code takes the address of this descriptor, but never stores it to rseq_cs'
      : 'no code refers to this descriptor: nothing ever stores it to rseq_cs';
    yield {
      at: address,
      message: `${how}, so the section runs unprotected`,
      related: section.start === undefined ? [] : [{ at: section.start, message: 'start_ip' }],
    };
  },
};

/** The instruction that reads abort_ip, as only a copy does: a template that goes to the stack and is armed there. */
function readerOf({ flows }: Findings, descriptor: Addr): Addr | undefined {
  for (const flow of flows) {
    for (const { address: at, memory } of flow.instructions) {
      if (!memory.some((access) => access.read)) continue;
      const reads = flow.accesses(at).some(({ read, address, size }) => {
        const place = constantOf(address);
        return (
          read &&
          place !== undefined &&
          place <= descriptor + ABORT_IP &&
          place + size > descriptor + ABORT_IP
        );
      });
      if (reads) return at;
    }
  }
  return undefined;
}

/** The instruction that moves the descriptor's address from a general to a vector register. */
function carrierOf({ flows }: Findings, descriptor: Addr): Addr | undefined {
  for (const flow of flows) {
    const found = flow.instructions.find(
      ({ address, reads, writes }) =>
        writes >> BigInt(VECTOR0) !== 0n &&
        flow
          .before(address)
          ?.registers.some((value, register) => has(reads, register) && constantOf(value) === descriptor),
    );
    if (found !== undefined) return found.address;
  }
  return undefined;
}
