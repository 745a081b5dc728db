/** Why rseq(2) failed. */
import { hex } from '../../abi/address.js';
import { ERRNO } from '../../abi/errno.js';
import {
  explainRegistration,
  type RegistrationRequest,
  type RegistrationRow,
} from '../../abi/registration.js';
import { RSEQ, RSEQ_FLAG_UNREGISTER } from '../../abi/rseq.js';
import { printable } from '../../binary/printable.js';
import type { RunningKernel } from '../../linux/kernel.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { Explanation } from '../../report/explain-document.js';
import { placeOf } from '../inspect/describe.js';
import type { Target } from '../target.js';

/** A call that has begun: what the kernel compares its arguments with. */
export interface BegunCall {
  readonly request: RegistrationRequest;
  readonly registered: RseqConfiguration | undefined;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly staleRseqCs: boolean;
  readonly ip: bigint;
}

export function begunCall(
  target: Target,
  args: readonly bigint[],
  registered: RseqConfiguration | undefined,
  ip: bigint,
): BegunCall {
  const [address = 0n, ...rest] = args;
  const [length, flags, signature] = rest.map((value) => Number(BigInt.asUintN(32, value)));
  const bytes = target.read(address, 32);
  const map = target.maps.find(({ start, end }) => address >= start && address < end);
  return {
    request: { address, length: length!, flags: flags!, signature: signature! },
    registered,
    readable: bytes !== undefined,
    writable: map?.writable ?? false,
    staleRseqCs: bytes !== undefined && RSEQ.read(bytes).rseq_cs !== 0n,
    ip,
  };
}

const NAMES = new Map(Object.entries(ERRNO).map(([name, number]) => [number as number, name]));

export function explainRefusal(
  target: Target,
  tid: number,
  call: BegunCall,
  errno: number,
  { release }: RunningKernel,
): Explanation {
  const { request, registered, ...context } = call;
  const name = NAMES.get(errno) ?? `errno ${errno}`;
  const row = explainRegistration(request, {
    version: release,
    ...context,
    ...(registered && { registered }),
  });
  const right: RegistrationRow | undefined = row?.errno === name ? row : undefined;
  const text = callText(request);
  return {
    kind: 'refused',
    pid: target.pid,
    tid,
    name: printable(target.name),
    rule: right?.id ?? null,
    call: text,
    errno: name,
    what: `${text} failed with ${name} because ${right?.condition ?? reasonBesides(name)}${registered && right?.id.includes('other') ? ` (it has ${hex(registered.address)}, length ${registered.length}, signature ${hex(registered.signature >>> 0)})` : ''}.`,
    mend: right?.mend ?? 'Let the filter pass rseq(2), or run on a kernel with CONFIG_RSEQ.',
    at: placeOf(target, call.ip),
  };
}

const reasonBesides = (errno: string): string =>
  errno === 'ENOSYS'
    ? 'this kernel has no rseq(2), or a filter of system calls (seccomp) refuses it'
    : 'a filter of system calls (seccomp) refuses it, or for a reason that is not known here';

export const callText = ({ address, length, flags, signature }: RegistrationRequest): string =>
  `rseq(${hex(address)}, ${length}, ${flags === RSEQ_FLAG_UNREGISTER ? 'RSEQ_FLAG_UNREGISTER' : hex(flags)}, ${hex(signature >>> 0)})`;
