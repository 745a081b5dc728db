/** Program, arguments and environment; strings byte for byte (latin1). */
export interface Program {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly arguments: readonly string[];
  readonly environment: readonly string[];
}
