/** The part of the WebAssembly JavaScript API that the engine uses: its memory is shared between threads. */
interface SharedWebAssembly {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Record<string, (...parameters: number[]) => number> };
}

export interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}
export interface WasmModule {
  readonly _module: never;
}

export const host = (globalThis as unknown as { WebAssembly: SharedWebAssembly }).WebAssembly;
