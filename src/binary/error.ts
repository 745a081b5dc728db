/** The file cannot be used. The message is one line: what is wrong, where, and what to do. */
export class BinaryError extends Error {
  override readonly name = 'BinaryError';
}
