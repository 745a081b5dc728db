import { fstatSync, readSync } from 'node:fs';
import { InputPending } from '../kernel/host.js';

/**
 * Standard input for a program whose run must not depend on how fast input comes: from a file or a pipe a read gets all that it asked for,
 * unless the input ends; from a terminal a line.
 */
export class StandardInput {
  private readonly isFile = isRegular();
  private readonly chunks: Uint8Array[] = [];
  private held = 0;
  private ended = false;
  private opened = false;
  private wanted = 1;
  private arrived: () => void = () => {};

  /** Throws InputPending where `wait` must be awaited first. */
  read(size: number): Uint8Array {
    if (size === 0) return new Uint8Array(0);
    if (this.isFile) return readFull(size);
    const enough = process.stdin.isTTY ? Math.min(1, size) : size;
    if (this.held < enough && !this.ended) {
      this.wanted = enough;
      throw new InputPending();
    }
    return this.take(Math.min(size, this.held));
  }

  /** Until what the last read wanted is there, or the input ends. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.arrived = resolve;
      this.open();
      process.stdin.resume();
    });
  }

  /** Lets the process end. */
  close(): void {
    if (this.opened) process.stdin.destroy();
  }

  private open(): void {
    if (this.opened) return;
    this.opened = true;
    const end = (): void => {
      this.ended = true;
      this.arrived();
    };
    process.stdin.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.held += chunk.length;
      if (this.held < this.wanted) return;
      process.stdin.pause();
      this.arrived();
    });
    process.stdin.on('end', end).on('error', end);
  }

  private take(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const chunk = this.chunks[0]!;
      const part = chunk.subarray(0, size - at);
      bytes.set(part, at);
      at += part.length;
      if (part.length === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(part.length);
    }
    this.held -= size;
    return bytes;
  }
}

function isRegular(): boolean {
  try {
    return fstatSync(0).isFile();
  } catch {
    return false;
  }
}

function readFull(size: number): Uint8Array {
  const buffer = new Uint8Array(size);
  let at = 0;
  for (let got = -1; got !== 0 && at < size; at += got) got = readSync(0, buffer, at, size - at, null);
  return buffer.subarray(0, at);
}
