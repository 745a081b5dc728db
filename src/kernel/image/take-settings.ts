/** Where things of the simulated Linux are on the host, and who asks. */
export interface TakeSettings {
  /** Of rseqlab. */
  readonly version: string;
  /** Seconds since 1970. */
  readonly taken: number;
  /** Threads inside a section stay there. */
  readonly keepPosition: boolean;
  /** The path of a file on the host that holds these bytes. Throws ProgramError where there is none. */
  file(path: string, bytes: Uint8Array): string;
  directory(path: string): string;
}
