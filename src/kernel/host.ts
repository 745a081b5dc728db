/** What the simulated Linux needs from the world outside. Whatever it gives becomes part of a recording, so that a replay needs no host. */
export interface Host {
  /** Up to `size` bytes of standard input; none at its end. Throws InputPending where the answer is not known yet: it is asked again. */
  read(size: number): Uint8Array;
  write(stream: 1 | 2, bytes: Uint8Array): void;
  /** A file that programs may read (--allow-read), or undefined. */
  file(path: string): Uint8Array | undefined;
  /** Names in a directory that programs may read, or undefined. */
  directory(path: string): readonly string[] | undefined;
}

/** The host has no input yet, and does not know whether any will come. */
export class InputPending extends Error {}
