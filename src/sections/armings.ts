import { type Addr, asAddr } from '../abi/address.js';
import type { Access } from './evaluate.js';
import type { Flow } from './flow.js';
import { constantOf, type Linear } from './nodes.js';
import type { Descriptor } from './section.js';

/** A store of a descriptor's address: where, to what, and which descriptor (by address, or as built on the stack). */
export interface ArmingStore {
  readonly at: Addr;
  readonly flow: Flow;
  readonly field: Linear;
  readonly descriptor: Addr | Descriptor;
}

/** Every store in a function that arms a section: of a known descriptor's address, or of a descriptor on the stack. */
export function armingStores(
  flow: Flow,
  isDescriptor: (address: Addr) => boolean,
  hasSignature: (abort: Addr) => boolean,
): ArmingStore[] {
  const stores: ArmingStore[] = [];
  for (const { address: at, memory } of flow.instructions) {
    if (!memory.some((access) => access.write)) continue;
    for (const access of flow.accesses(at)) {
      if (!access.write || access.value === undefined || flow.onStack(access.address)) continue;
      const field = access.address;
      const descriptor = armed(flow, at, access, isDescriptor, hasSignature);
      if (descriptor !== undefined) stores.push({ at, flow, field, descriptor });
      else
        for (const each of possible(flow, access, isDescriptor))
          stores.push({ at, flow, field, descriptor: each });
    }
  }
  return stores;
}

function armed(
  flow: Flow,
  at: Addr,
  access: Access,
  isDescriptor: (address: Addr) => boolean,
  hasSignature: (abort: Addr) => boolean,
): Addr | Descriptor | undefined {
  const value = access.value!;
  const address = constantOf(value);
  if (address !== undefined) return isDescriptor(address as Addr) ? (address as Addr) : undefined;
  if (!flow.onStack(value)) return undefined;
  const descriptor = onStack(flow, at, value);
  const abort = descriptor && asAddr(descriptor.abortIp);
  if (descriptor === undefined || abort === undefined) return undefined;
  return hasSignature(abort) || isUnmistakable(flow, at, access.address, descriptor) ? descriptor : undefined;
}

/** Entries of a table of descriptors that are looked at. */
const MANY = 64;

/** The descriptors that a value may be: by the way taken, from a variable that holds one from the start, or picked from a table. */
function possible(flow: Flow, { value, size }: Access, isDescriptor: (address: Addr) => boolean): Addr[] {
  const [term, ...others] = value?.terms ?? [];
  if (size !== 8 || term?.factor !== 1 || value?.constant !== 0 || others.length > 0) return [];
  const { atom } = term;
  if (atom.kind === 'join' || atom.kind === 'opaque') {
    const inputs = [...(atom.kind === 'join' ? atom.inputs : atom.from)].map(constantOf);
    // All of them: on some way the register may hold a descriptor's address left over from before.
    const descriptors = inputs.filter(
      (each): each is Addr => each !== undefined && isDescriptor(each as Addr),
    );
    return descriptors.length === inputs.length ? descriptors : [];
  }
  return atom.kind === 'load' ? entriesAt(flow, atom.address, isDescriptor) : [];
}

/** The descriptors whose addresses stand at a fixed place, or from there on where an index picks one. */
function entriesAt(
  flow: Flow,
  { terms, constant }: Linear,
  isDescriptor: (address: Addr) => boolean,
): Addr[] {
  // Not through a pointer of unknown value: the constant is the table only where all else counts entries.
  if (!Number.isSafeInteger(constant) || terms.some(({ factor }) => factor % 8 !== 0)) return [];
  const found: Addr[] = [];
  for (let n = 0; n < (terms.length === 0 ? 1 : MANY); n++) {
    const place = asAddr(BigInt(constant + 8 * n));
    const word = place === undefined ? undefined : flow.code.image.u64(place);
    const address = word === undefined ? undefined : asAddr(word);
    if (address === undefined || !isDescriptor(address)) break;
    found.push(address);
  }
  return found;
}

/** Bytes behind the arming store within which a section that it arms begins. */
const NEAR = 64;
/** Longest section built on the stack that is believed without a signature, in bytes. */
const SHORT = 4096;

/** No signature, but a range of code right behind the store, an abort handler in code, and the place is thread-local: what else? */
function isUnmistakable(flow: Flow, at: Addr, field: Linear, descriptor: Descriptor): boolean {
  const { startIp, postCommitOffset, abortIp } = descriptor;
  const start = asAddr(startIp);
  const end = asAddr(startIp + postCommitOffset);
  const abort = asAddr(abortIp);
  if (start === undefined || end === undefined || abort === undefined) return false;
  const isCode = (place: Addr): boolean => flow.code.image.regionAt(place)?.executable === true;
  const threadLocal = field.terms.some(({ atom }) => atom.kind === 'thread-pointer');
  return (
    threadLocal &&
    start > at &&
    start - at <= NEAR &&
    end > start &&
    end - start <= SHORT &&
    isCode(end) &&
    isCode(abort)
  );
}

/** The descriptor that code has built on the stack at `base`, from the values of its slots. Version and flags may be one store or two. */
function onStack(flow: Flow, at: Addr, base: Linear): Descriptor | undefined {
  const slot = (offset: number): number | undefined => {
    const place = flow.values.add(base, flow.values.constant(offset));
    const known = flow.before(at)?.stack.get(place.key);
    return known && constantOf(known.value);
  };
  const [start, length, abort] = [slot(8), slot(16), slot(24)];
  if (start === undefined || length === undefined || abort === undefined) return undefined;
  const bits = (value: number): bigint => BigInt.asUintN(64, BigInt(value));
  return {
    address: undefined,
    version: slot(0) ?? 0,
    flags: slot(4) ?? 0,
    startIp: bits(start),
    postCommitOffset: bits(length),
    abortIp: bits(abort),
  };
}
