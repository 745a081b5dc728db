/**
 * The rseq system call as Tracee writes events (types/trace/trace.go of aquasecurity/tracee: the names, their order and their types; the classic
 * JSON with four arguments). One line an event, when the call has come back.
 */
import type { Observed } from '../event/observed.js';

/** What Tracee knows of a thread and its process. */
export interface TraceeContext {
  /** Nanoseconds since 1970 of the start of the thread. */
  readonly threadStartTime: bigint;
  readonly cgroupId: number;
  readonly processId: number;
  readonly threadId: number;
  readonly parentProcessId: number;
  readonly hostProcessId: number;
  readonly hostThreadId: number;
  readonly hostParentProcessId: number;
  readonly userId: number;
  readonly mountNamespace: number;
  readonly pidNamespace: number;
  readonly processName: string;
  readonly executable: string;
  readonly hostName: string;
  readonly containerId: string;
  readonly isCompat: boolean;
  readonly threadEntityId: number;
  readonly processEntityId: number;
  readonly parentEntityId: number;
}

/** trace.Pointer and the times may be beyond what JSON.stringify can write: they are written as they are. */
class Raw {
  constructor(readonly digits: string) {}
  toJSON(): string {
    return `\u0001${this.digits}\u0001`;
  }
}
const raw = (value: bigint): Raw => new Raw(`${BigInt.asUintN(64, value)}`);
const RAW = /"\\u0001(\d+)\\u0001"/g;

const u32 = (value: bigint | undefined): number => Number(BigInt.asUintN(32, value ?? 0n));

/** '' for events that are not the return of a rseq call. `bootTime`: nanoseconds since 1970 at which the clock of events began. */
export function traceTracee({ event, call }: Observed, context: TraceeContext, bootTime: bigint): string {
  if (event.kind !== 'return' || event.name !== 'rseq' || call === undefined) return '';
  const [rseq = 0n, length, flags, signature] = call.arguments;
  const returnValue = Number(event.value);
  const document = {
    timestamp: raw(bootTime + BigInt(event.time)),
    threadStartTime: raw(context.threadStartTime),
    processorId: event.cpu,
    processId: context.processId,
    cgroupId: context.cgroupId,
    threadId: context.threadId,
    parentProcessId: context.parentProcessId,
    hostProcessId: context.hostProcessId,
    hostThreadId: context.hostThreadId,
    hostParentProcessId: context.hostParentProcessId,
    userId: context.userId,
    mountNamespace: context.mountNamespace,
    pidNamespace: context.pidNamespace,
    processName: context.processName,
    executable: { path: context.executable },
    hostName: context.hostName,
    containerId: context.containerId,
    container: {},
    kubernetes: {},
    eventId: '334',
    eventName: 'rseq',
    matchedPolicies: [''],
    argsNum: 4,
    returnValue,
    syscall: 'rseq',
    stackAddresses: [0],
    contextFlags: { containerStarted: context.containerId !== '', isCompat: context.isCompat },
    threadEntityId: context.threadEntityId,
    processEntityId: context.processEntityId,
    parentEntityId: context.parentEntityId,
    args: [
      { name: 'rseq', type: 'trace.Pointer', value: raw(rseq) },
      { name: 'rseq_len', type: 'uint32', value: u32(length) },
      { name: 'flags', type: 'int32', value: u32(flags) | 0 },
      { name: 'sig', type: 'uint32', value: u32(signature) },
    ],
  };
  return `${JSON.stringify(document).replace(RAW, '$1')}\n`;
}

/** What Tracee rounds start times to before it hashes them, in nanoseconds. */
const ROUND = 100_000_000n;

/**
 * What Tracee tells threads apart by: MurmurHash3 (x86, 32 bit) over the id and the time of the start, in network byte order
 * (pkg/proctree/taskid.go, common/murmur). `startTime`: nanoseconds since boot.
 */
export function hashTaskId(id: number, startTime: bigint): number {
  const bytes = new DataView(new ArrayBuffer(12));
  bytes.setUint32(0, id);
  bytes.setBigUint64(4, startTime - (startTime % ROUND));
  let hash = 0x1827_3645;
  for (let at = 0; at < bytes.byteLength; at += 4) {
    const word = Math.imul(rotate(Math.imul(bytes.getUint32(at, true), 0xcc9e_2d51), 15), 0x1b87_3593);
    hash = (Math.imul(rotate(hash ^ word, 13), 5) + 0xe654_6b64) | 0;
  }
  hash ^= bytes.byteLength;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));
