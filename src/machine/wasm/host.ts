/** The part of the WebAssembly JavaScript API that is used here; Node and browsers have it, their type libraries differ. */
interface WebAssemblyHost {
  Memory: new (limits: { initial: number; maximum: number }) => WasmMemory;
  Table: new (description: { initial: number; element: 'anyfunc' }) => WasmTable;
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (module: WasmModule, imports: WasmImports) => { readonly exports: Record<string, unknown> };
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
export interface WasmModule {
  readonly _module: never;
}
export interface WasmTable {
  readonly length: number;
  set(index: number, value: unknown): void;
  grow(by: number): number;
}
export type WasmImports = Record<string, Record<string, unknown>>;

export const host = (globalThis as unknown as { WebAssembly: WebAssemblyHost }).WebAssembly;
