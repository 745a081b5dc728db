import type { Trap } from '../isa/meaning.js';
import { RAX, RBX, RCX, RDX } from '../isa/x86-64/registers.js';
import { crc32 } from './aarch64/crc32.js';
import { runVector } from './aarch64/vectors.js';
import { cpuid } from './cpuid.js';
import type { Helper } from './imports.js';
import { STATE } from './state.js';
import {
  ENVIRONMENT_SIZE,
  loadEnvironment,
  restoreAll,
  SAVED_SIZE,
  saveAll,
  storeEnvironment,
} from './x87/environment.js';
import { readImage, writeImage } from './x87/image.js';
import { reset, Unit } from './x87/unit.js';
import { xrstor, xsave } from './x87/xsave.js';

/** What helpers see of a machine. */
export interface HelperHost {
  readonly view: DataView;
  register(number: number): bigint;
  setRegister(number: number, value: bigint): void;
  xmm(number: number): bigint;
  setXmm(number: number, value: bigint): void;
  /** Of the program's memory, as the program may; throw PageFault. */
  read(address: bigint, size: number): Uint8Array;
  write(address: bigint, bytes: Uint8Array): void;
}

/** Does an instruction, or says why it could not; an access that is not allowed throws with nothing done. */
type HelperFunction = (host: HelperHost, operand: bigint) => Trap | undefined;

/** rdx:rax by a 64-bit divisor, which is not 0. */
const divide =
  (signed: boolean): HelperFunction =>
  (host, operand) => {
    const whole = (host.register(RDX) << 64n) | host.register(RAX);
    const dividend = signed ? BigInt.asIntN(128, whole) : whole;
    const divisor = signed ? BigInt.asIntN(64, operand) : operand;
    const quotient = dividend / divisor;
    const fits = signed
      ? BigInt.asIntN(64, quotient) === quotient
      : BigInt.asUintN(64, quotient) === quotient;
    if (!fits) return 'divide';
    host.setRegister(RAX, BigInt.asUintN(64, quotient));
    host.setRegister(RDX, BigInt.asUintN(64, dividend % divisor));
    return undefined;
  };

const FX_BYTES = 512;

export const HELPER_FUNCTIONS: Readonly<Record<Helper, HelperFunction>> = {
  div: divide(false),
  idiv: divide(true),
  cpuid: (host) => {
    const [eax, ebx, ecx, edx] = cpuid(Number(host.register(RAX) & 0xffff_ffffn));
    host.setRegister(RAX, BigInt(eax));
    host.setRegister(RBX, BigInt(ebx));
    host.setRegister(RCX, BigInt(ecx));
    host.setRegister(RDX, BigInt(edx));
    return undefined;
  },
  rdtsc: readTimeStamp,
  rdtscp: (host) => {
    readTimeStamp(host);
    host.setRegister(RCX, BigInt(host.view.getUint32(STATE.tscAux, true)));
    return undefined;
  },
  ldmxcsr: ({ view }, value) => {
    view.setUint32(STATE.mxcsr, Number(value), true);
    return undefined;
  },
  fxsave: (host, address) => {
    host.write(address, writeImage(host.view));
    return undefined;
  },
  fnstenv: (host, address) => {
    const unit = new Unit(host.view);
    host.write(address, storeEnvironment(unit));
    unit.control |= 0x3f;
    return undefined;
  },
  fldenv: (host, address) => {
    const unit = new Unit(host.view);
    if (unit.isPending) return 'float';
    loadEnvironment(unit, host.read(address, ENVIRONMENT_SIZE));
    return undefined;
  },
  fnsave: (host, address) => {
    const unit = new Unit(host.view);
    host.write(address, saveAll(unit));
    reset(unit);
    return undefined;
  },
  frstor: (host, address) => {
    const unit = new Unit(host.view);
    if (unit.isPending) return 'float';
    restoreAll(unit, host.read(address, SAVED_SIZE));
    return undefined;
  },
  xsave: (host, address) => xsave(host, address, askedParts(host), false),
  xsavec: (host, address) => xsave(host, address, askedParts(host), true),
  xrstor: (host, address) => xrstor(host, address, askedParts(host)),
  fxrstor: (host, address) => readImage(host.view, host.read(address, FX_BYTES)),
  crc32: (host, word) => crc32(host, Number(word)),
  // Bit 32: a comparison whose condition does not hold.
  vector: (host, word) => (word >> 32n === 0n ? runVector(host, Number(word)) : undefined),
  counter: (host, register) => {
    if (register !== 31n) host.setRegister(Number(register), timeStamp(host));
    return undefined;
  },
};

/** edx:eax. */
const askedParts = (host: HelperHost): bigint =>
  ((host.register(RDX) & 0xffff_ffffn) << 32n) | (host.register(RAX) & 0xffff_ffffn);

/** The time stamp counts instructions; the budget says how many are still to come until it is STATE.tsc. */
const timeStamp = ({ view }: HelperHost): bigint =>
  BigInt.asUintN(64, view.getBigUint64(STATE.tsc, true) - view.getBigInt64(STATE.budget, true));

function readTimeStamp(host: HelperHost): undefined {
  const now = timeStamp(host);
  host.setRegister(RAX, now & 0xffff_ffffn);
  host.setRegister(RDX, now >> 32n);
  return undefined;
}
