/** What decides whether a program runs on a kernel. */

import type { Architecture } from '../../../abi/architecture.js';
import type { KernelRules } from '../../../abi/kernel-rules.js';

/** One thing in a file that a kernel punishes. */
export interface Offence {
  readonly rule: string;
  readonly message: string;
  /** `.text+0x14 <push+0x4>`, with the source line where there is one; undefined: the file as a whole. */
  readonly place: string | undefined;
  readonly mend: string;
}

/** A program or library with restartable sequences. */
export interface FileFacts {
  readonly name: string;
  readonly architecture: Architecture | undefined;
  readonly sections: number;
  /** Signatures in front of its abort handlers, each once. */
  readonly signatures: readonly number[];
  /**
   * Whose struct rseq its sections use: glibc's (it refers to __rseq_offset), one of its own (it has a thread-local __rseq_abi), or that cannot
   * be told.
   */
  readonly area: 'glibc' | 'own' | 'unknown';
  /** Where it writes fields that belong to the kernel (rule writes-kernel-field). */
  readonly writes: readonly string[];
  /** What else a kernel with these rules punishes. */
  offences(rules: KernelRules): readonly Offence[];
}

/** What threads have registered alike. */
export interface RegistrationFacts {
  readonly threads: number;
  readonly address: bigint;
  readonly length: number;
  readonly signature: number;
  readonly byGlibc: boolean;
  /** Who registered, in words. */
  readonly owner: string;
}

export interface ProgramFacts {
  readonly name: string;
  /** Undefined: files, which nobody runs. */
  readonly process: ProcessFacts | undefined;
  /** Those with sections, or with writes to fields of the kernel. */
  readonly files: readonly FileFacts[];
  /** How many files were looked at. */
  readonly looked: number;
  /** Worth knowing, whatever the kernel. */
  readonly notes: readonly string[];
}

export interface ProcessFacts {
  readonly pid: number;
  readonly threads: number;
  readonly registrations: readonly RegistrationFacts[];
  /** Threads that have registered nothing, as far as is known. */
  readonly unregistered: number;
  /** Threads of which it is not known. */
  readonly unknown: number;
  /** undefined: none with rseq, 2.35 or newer. */
  readonly glibc: GlibcFacts | undefined;
  /** GLIBC_TUNABLES as the process was started with; undefined: not set. */
  readonly tunables: string | undefined;
}

export interface GlibcFacts {
  /** `2.36`; undefined: it could not be found. */
  readonly version: string | undefined;
  /** __rseq_size: 0 where it has not registered. */
  readonly size: number;
}
