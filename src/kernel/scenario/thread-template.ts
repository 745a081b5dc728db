/** What a thread's variables (`__thread`, thread_local) begin with: where that stands in the object's own memory, and where it goes in the thread's block. Bytes. */
export interface ThreadTemplate {
  /** Of the block, which ends at the thread pointer (ELF TLS ABI, variant II), or stands above it (I). */
  readonly size: number;
  /** Of the block: a power of two. */
  readonly align: number;
  readonly parts: readonly { readonly from: number; readonly to: number; readonly size: number }[];
}
