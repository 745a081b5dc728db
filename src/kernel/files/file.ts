/** What a file descriptor refers to (struct file), as plain data: see open.ts, pipe.ts for what can be done with each. */
export interface OpenFile {
  readonly id: number;
  readonly inode: Inode;
  /** O_* flags of open(2), without those that matter only while opening. */
  flags: number;
  offset: number;
  /** Descriptors that refer to it, over all tables. */
  references: number;
}

/**
 * Legend:
 *   stream    a standard stream of the host: 0 in, 1 out, 2 error
 *   text      a file of /proc, /sys or the host, whose content was made or read when it was opened
 *   directory its entries, read when it was opened
 *   pipe      one end; both share `pipe`
 *   event     eventfd(2)
 *   null, zero   the devices
 */
export type Inode =
  | { readonly kind: 'stream'; readonly stream: 0 | 1 | 2 }
  | { readonly kind: 'text'; readonly path: string; readonly content: Uint8Array }
  | { readonly kind: 'directory'; readonly path: string; readonly entries: readonly string[] }
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly end: 'read' | 'write' }
  | { readonly kind: 'event'; readonly id: number; count: bigint; readonly semaphore: boolean }
  | { readonly kind: 'null' | 'zero' | 'full' | 'random'; readonly path: string };

export interface Pipe {
  readonly id: number;
  chunks: Uint8Array[];
  size: number;
  readonly capacity: number;
  readers: number;
  writers: number;
}
