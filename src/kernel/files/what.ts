import type { Entry, OpenFile, TreeNode } from './file.js';

/**
 * What a path names.
 * Legend:
 *   regular, directory, link   of a tree in memory; files of the host are regular too
 *   made       a file of /proc or /sys: its content is made when it is opened
 *   listing    a directory of /proc, /sys or the host
 *   magic      a link of /proc to an open file: it need not have a name
 *   device
 */
export type What =
  | TreeNode
  | { readonly kind: 'made'; readonly mode: number; readonly content: () => Uint8Array }
  | { readonly kind: 'listing'; readonly entries: () => readonly Entry[] }
  | { readonly kind: 'magic'; readonly target: string; readonly file: OpenFile | undefined }
  | { readonly kind: 'device'; readonly device: 'null' | 'zero' | 'full' | 'random' };
