import type { Rule } from '../rule.js';
import { abortInsideSection } from './abort-inside-section.js';
import { abortSignature } from './abort-signature.js';
import { armingGap } from './arming-gap.js';
import { branchEscapesSection } from './branch-escapes-section.js';
import { branchIntoSection } from './branch-into-section.js';
import { callInSection } from './call-in-section.js';
import { clobberLiveAtAbort } from './clobber-live-at-abort.js';
import { commitNotLast } from './commit-not-last.js';
import { commitNotSingleCopyAtomic } from './commit-not-single-copy-atomic.js';
import { cpuIndexMismatch } from './cpu-index-mismatch.js';
import { descriptorAlignment } from './descriptor-alignment.js';
import { descriptorFlags } from './descriptor-flags.js';
import { descriptorRange } from './descriptor-range.js';
import { descriptorUnlisted } from './descriptor-unlisted.js';
import { descriptorVersion } from './descriptor-version.js';
import { descriptorWithoutCode } from './descriptor-without-code.js';
import { nestedSection } from './nested-section.js';
import { noCpuCheck } from './no-cpu-check.js';
import { notArmed } from './not-armed.js';
import { retryWithoutRearming } from './retry-without-rearming.js';
import { rseqCsDangling } from './rseq-cs-dangling.js';
import { signatureMixed } from './signature-mixed.js';
import { simdOrX87State } from './simd-or-x87-state.js';
import { stackImbalance } from './stack-imbalance.js';
import { storeBeforeCommit } from './store-before-commit.js';
import { syscallInSection } from './syscall-in-section.js';
import { syscallLast } from './syscall-last.js';
import { unprotectedCommit } from './unprotected-commit.js';
import { writesKernelField } from './writes-kernel-field.js';

/** Every rule, in the order a reader should meet its findings: the descriptor, how it is armed, the code inside. */
export const RULES: readonly Rule[] = [
  descriptorVersion,
  descriptorFlags,
  descriptorAlignment,
  descriptorRange,
  descriptorUnlisted,
  descriptorWithoutCode,
  abortInsideSection,
  abortSignature,
  signatureMixed,
  notArmed,
  armingGap,
  retryWithoutRearming,
  noCpuCheck,
  cpuIndexMismatch,
  syscallInSection,
  syscallLast,
  callInSection,
  branchEscapesSection,
  branchIntoSection,
  nestedSection,
  storeBeforeCommit,
  commitNotLast,
  unprotectedCommit,
  commitNotSingleCopyAtomic,
  clobberLiveAtAbort,
  stackImbalance,
  simdOrX87State,
  writesKernelField,
  rseqCsDangling,
];

export const ruleById = (id: string): Rule | undefined => RULES.find((rule) => rule.id === id);
