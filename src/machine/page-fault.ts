export type Access = 'read' | 'write' | 'execute';

/**
 * Legend of FaultReason:
 *   unmapped    nothing is there (SEGV_MAPERR)
 *   forbidden   the page is mapped and does not allow it (SEGV_ACCERR)
 *   limit       the page would be the first beyond the space's page limit: the program may do it, the machine will not
 */
export type FaultReason = 'unmapped' | 'forbidden' | 'limit';

/** An access that memory does not allow: what becomes SIGSEGV. Nothing of the instruction, or of the kernel's copy, has been done. */
export class PageFault extends Error {
  constructor(
    /** The first byte that may not be accessed. */
    readonly address: bigint,
    readonly access: Access,
    readonly reason: FaultReason,
  ) {
    super(`page fault: ${access} at 0x${address.toString(16)} (${reason})`);
  }
}
