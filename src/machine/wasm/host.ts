/** The part of the WebAssembly JavaScript API that is used here; Node and browsers have it, their type libraries differ. */
interface WebAssemblyHost {
  Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: Record<string, unknown> };
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmModule {
  readonly _module: never;
}
export type WasmImports = Record<string, Record<string, unknown>>;

export const host = (globalThis as unknown as { WebAssembly: WebAssemblyHost }).WebAssembly;
