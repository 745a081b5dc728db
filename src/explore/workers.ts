import type { WasmMemory, WasmModule } from './wasm/host.js';

/** What the engine needs of the world to work in several threads. The host starts them: threads are made differently in Node and in browsers. */
export interface WorkerHost {
  /**
   * Starts one thread for each context: it makes an instance of the module with `{ env: { memory } }` and calls its export `serve` with
   * the context, which comes back when the search is over. Resolves when all run.
   */
  start(work: WorkerTask): Promise<Workers>;
}
export interface WorkerTask {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  readonly contexts: readonly number[];
}
export interface Workers {
  /** The search is over: the threads come back from `serve` by themselves. */
  end(): void;
}
