import { host, type WasmMemory } from './wasm/host.js';

/** WebAssembly pages of a machine's memory: all of a 32-bit address space, of which only what is touched takes room. */
const WASM_PAGES = 65_536;

/**
 * How many machines may be alive at once. V8 gives each memory 10 GiB of its own address space, of which it has 128 TiB on Linux; older
 * versions and other engines stop at about 100.
 */
export const MOST_MACHINES = 1000;

/** Memories of machines that are gone, all zeros: a new one costs system calls, and V8 lets go of an old one only when it collects. */
const free: WasmMemory[] = [];
const MOST_FREE = 32;

export const takeMemory = (): WasmMemory =>
  free.pop() ?? new host.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES });

/** Takes a memory back. It must be zeros all over. */
export function giveMemory(memory: WasmMemory): void {
  if (free.length < MOST_FREE) free.push(memory);
}
