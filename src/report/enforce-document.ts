/**
 * What `enforce` says, as plain data: `rseqlab enforce --format json` is exactly an EnforceDocument, and the text is made from one. Addresses are strings;
 * what does not apply is absent. Names come from the program and may hold anything.
 */

export const ENFORCE_SCHEMA = 'rseqlab.enforce/1';

/** A place in a program from which system calls were made inside a section. */
export interface CallSite {
  /** Of the SYSCALL instruction, in the file that holds it. */
  readonly address: string;
  /** The file, and what is at the address: function, offset, source line. */
  readonly file: string;
  readonly place: string;
  /** start_ip of the section, in the file. */
  readonly section: string;
  /** The call is the section's last instruction: allowed by the kernel, forbidden by --strict. */
  readonly last: boolean;
  /** The calls that were made there, and how often each. */
  readonly calls: readonly SiteCall[];
}

export interface SiteCall {
  readonly name: string;
  readonly count: number;
  /** Of the first one, up to as many as the call takes. */
  readonly arguments: readonly string[];
  readonly pid: number;
  readonly tid: number;
}

export interface EnforceDocument {
  readonly schema: typeof ENFORCE_SCHEMA;
  readonly version: string;
  readonly command: readonly string[];
  readonly options: { readonly mode: 'report' | 'kill'; readonly strict: boolean };
  /** How the program ended; nothing: it runs on. */
  readonly program: { readonly status?: number; readonly signal?: string };
  /** Most calls first. */
  readonly sites: readonly CallSite[];
  /** Sections that were watched, in all files of all processes. */
  readonly sections: number;
  readonly processes: number;
  /** What could not be watched, and why: one line each. */
  readonly limits: readonly string[];
}
