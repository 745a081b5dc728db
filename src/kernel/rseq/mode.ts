import type { RuleValues } from '../../abi/kernel-rows.js';
import { type KernelRules, kernelRules } from '../../abi/kernel-rules.js';
import { RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import type { Kernel } from '../kernel.js';
import type { Rseq } from '../state.js';

/** How a kernel treats one registration: what of its rules hangs on the registered length is decided. */
export interface Mode {
  readonly rules: KernelRules;
  /** Up to 6.18: rseq_cs is looked at after every switch, with all checks, and before the numbers are written. */
  readonly classic: boolean;
  /** Since 6.19, but not for length 32 since 7.1: what happened counts only if it interrupted the program, or changed its numbers. */
  readonly conditional: boolean;
  readonly kernelFields: RuleValues['kernelFields'];
  /** The time slice extension can be had (since 7.1 not with length 32). */
  readonly slice: boolean;
}

const known = new WeakMap<Kernel, Map<boolean, Mode>>();

/** The mode of a registration. In 7.1 the kernel speaks of ABI version 1 (length 32) and 2. */
export function modeOf(kernel: Kernel, { length }: Pick<Rseq, 'length'>): Mode {
  const legacy = length <= RSEQ_ORIG_SIZE;
  let modes = known.get(kernel);
  if (modes === undefined) {
    modes = new Map();
    known.set(kernel, modes);
  }
  let mode = modes.get(legacy);
  if (mode === undefined) {
    mode = decide(kernel, legacy);
    modes.set(legacy, mode);
  }
  return mode;
}

function decide(kernel: Kernel, legacy: boolean): Mode {
  const { version, debugRseq } = kernel.options;
  const rules: KernelRules = {
    ...kernelRules(version, {
      debug: debugRseq,
      arch: kernel.options.arch ?? kernel.arch.name,
      length: legacy ? RSEQ_ORIG_SIZE : RSEQ_ORIG_SIZE + 1,
    }),
    ...kernel.options.broken,
  };
  const undecided = kernel.rules.evaluation;
  return {
    rules,
    classic: undecided === 'every-switch',
    conditional: rules.evaluation === 'interrupted-only',
    kernelFields: rules.kernelFields,
    slice: rules.sliceExtension && rules.genericEntry && (undecided !== 'by-length' || !legacy),
  };
}
