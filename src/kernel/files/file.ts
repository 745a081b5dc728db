import type { MemoryObject } from '../mm/object.js';

/** What a file descriptor refers to (struct file), as plain data: see open.ts, pipe.ts for what can be done with each. */
export interface OpenFile {
  readonly id: number;
  readonly inode: Inode;
  /** As it was opened, absolute: /proc/self/fd, directories that paths start from. */
  readonly path: string;
  /** O_* flags of open(2), without those that matter only while opening. */
  flags: number;
  offset: number;
  /** Descriptors that refer to it, over all tables. */
  references: number;
}

/**
 * Legend:
 *   stream    a standard stream of the host: 0 in, 1 out, 2 error
 *   text      a file of /proc or /sys, whose content was made when it was opened
 *   regular   a file in memory: of the host (constant), memfd_create(2), /tmp
 *   listing   a directory of /proc, /sys or the host, as it was when it was opened
 *   directory of /tmp and the like
 *   pipe      one end; both share `pipe`
 *   event     eventfd(2)
 *   null, zero, full, random   the devices
 */
export type Inode =
  | { readonly kind: 'stream'; readonly stream: 0 | 1 | 2 }
  | { readonly kind: 'text'; readonly content: Uint8Array; readonly mode: number }
  | RegularNode
  | { readonly kind: 'listing'; readonly entries: readonly Entry[] }
  | DirectoryNode
  | { readonly kind: 'pipe'; readonly pipe: Pipe; readonly end: 'read' | 'write' }
  | { readonly kind: 'event'; readonly id: number; count: bigint; readonly semaphore: boolean }
  | { readonly kind: 'null' | 'zero' | 'full' | 'random' };

/** A name in a directory, and what it is: DT_* by letter as ls prints it. */
export interface Entry {
  readonly name: string;
  readonly type: '-' | 'd' | 'l' | 'c' | '?';
}

/** What files of the simulation have in common. Times are nanoseconds of the clock. */
export interface NodeFacts {
  readonly id: number;
  mode: number;
  uid: number;
  gid: number;
  links: number;
  accessed: number;
  modified: number;
  changed: number;
}

export interface RegularNode {
  readonly kind: 'regular';
  readonly facts: NodeFacts;
  readonly object: MemoryObject;
  /** F_SEAL_*, where it was made with memfd_create(2). */
  seals: number;
}

export interface DirectoryNode {
  readonly kind: 'directory';
  readonly facts: NodeFacts;
  readonly entries: Map<string, TreeNode>;
}

export interface LinkNode {
  readonly kind: 'link';
  readonly facts: NodeFacts;
  readonly target: string;
}

/** What a directory of the simulation can hold. */
export type TreeNode = RegularNode | DirectoryNode | LinkNode;

export interface Pipe {
  readonly id: number;
  chunks: Uint8Array[];
  size: number;
  capacity: number;
  readers: number;
  writers: number;
}
