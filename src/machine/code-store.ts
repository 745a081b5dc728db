import type { CodeRange } from './code-map.js';
import type { WasmModule } from './wasm/host.js';

/** A module of one function, and the program's code that it was made from. */
export interface StoredCode {
  readonly module: WasmModule;
  /** The addresses it can be entered at. */
  readonly entries: readonly number[];
  readonly ranges: readonly CodeRange[];
  /** What lies at `ranges`, one behind the other. */
  readonly bytes: Uint8Array;
}

/** Each takes some tens of kilobytes. */
const MOST = 5000;

/** Modules by where they begin and what they were made from: a fork, a second run or a restored snapshot needs no new translation. */
class CodeStore {
  private readonly byEntry = new Map<string, StoredCode[]>();
  private count = 0;

  /** @param holds does memory hold these bytes here, as code? */
  find(
    kind: string,
    at: number,
    holds: (start: number, bytes: Uint8Array) => boolean,
  ): StoredCode | undefined {
    return this.byEntry.get(`${kind} ${at}`)?.find(({ ranges, bytes }) => {
      let offset = 0;
      return ranges.every(([start, end]) => {
        const own = bytes.subarray(offset, offset + end - start);
        offset += end - start;
        return holds(start, own);
      });
    });
  }

  add(kind: string, at: number, stored: StoredCode): void {
    if (this.count++ >= MOST) {
      this.byEntry.clear();
      this.count = 1;
    }
    const key = `${kind} ${at}`;
    const known = this.byEntry.get(key);
    if (known === undefined) this.byEntry.set(key, [stored]);
    else known.push(stored);
  }
}

/** Of this process, for all machines in it. */
export const codeStore = new CodeStore();
