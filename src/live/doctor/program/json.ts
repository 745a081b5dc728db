import { hex } from '../../../abi/address.js';
import type { ProgramFacts } from './facts.js';
import type { Verdict } from './judge.js';

/** docs/doctor.md has the fields. `version`: of rseqlab. */
export function programJson(facts: ProgramFacts, verdicts: readonly Verdict[], version: string): string {
  const { name, process, files, looked, notes } = facts;
  const json = {
    schema: 'rseqlab.doctor/1',
    question: 'program',
    version,
    program: {
      name,
      process:
        process === undefined
          ? null
          : {
              ...process,
              registrations: process.registrations.map((each) => ({
                ...each,
                address: hex(each.address),
                signature: hex(each.signature),
              })),
              glibc:
                process.glibc === undefined
                  ? null
                  : { version: process.glibc.version ?? null, size: process.glibc.size },
              tunables: process.tunables ?? null,
            },
      files: files.map((file) => ({
        name: file.name,
        architecture: file.architecture ?? null,
        sections: file.sections,
        signatures: file.signatures.map(hex),
        area: file.area,
        writes: file.writes,
      })),
      looked,
      notes,
    },
    kernels: verdicts,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}
