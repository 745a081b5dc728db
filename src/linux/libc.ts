/**
 * The way to the kernel: every system call by number, through koffi. It is loaded at the first call, since it is an optional package: what works
 * on files alone does without it. All calls here run on the thread that makes them, as ptrace(2) wants it.
 */
import { readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';
import { SystemError, Unavailable } from './errors.js';

type Koffi = typeof import('koffi');
/** An argument of a system call: a number, or memory of ours, of which the kernel gets the address. */
export type Argument = number | bigint | Uint8Array | BigUint64Array;

interface Libc {
  readonly koffi: Koffi;
  readonly syscall: (number: number, ...args: (number | bigint)[]) => number | bigint;
  readonly posixSpawn: (...args: unknown[]) => number;
}

let libc: Libc | undefined;

/** Why system calls cannot be made here; undefined where they can. */
export function unavailable(): string | undefined {
  try {
    load();
    return processes();
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

/** Why what /proc says is not about the processes that system calls mean. */
function processes(): string | undefined {
  let self = '';
  try {
    self = readlinkSync('/proc/self');
  } catch {
    return '/proc is not mounted here: mount -t proc proc /proc';
  }
  return self === `${process.pid}`
    ? undefined
    : '/proc is that of another PID namespace: mount -t proc proc /proc in this one (unshare --mount-proc does)';
}

/** Throws Unavailable. */
function load(): Libc {
  if (libc) return libc;
  if (platform() !== 'linux' || arch() !== 'x64')
    throw new Unavailable(
      `real processes can be worked on under Linux on x86-64 only, not ${platform()} on ${arch()}; check, run and explore work here`,
    );
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    throw new Unavailable('the optional package koffi is not installed: npm install koffi@3.3.4');
  }
  // The libc that Node itself runs on, glibc or musl.
  const own = koffi.load(null);
  const six = Array<string>(6).fill('int64');
  libc = {
    koffi,
    syscall: own.func('syscall', 'int64', ['int64', ...six]) as Libc['syscall'],
    posixSpawn: own.func('posix_spawn', 'int', ['void *', 'str', 'void *', 'void *', 'void *', 'void *']),
  };
  return libc;
}

/** Where memory of ours lies. It must be kept alive for as long as the kernel may use it. */
export const addressOf = (memory: Uint8Array | BigUint64Array): bigint =>
  // Small arrays may lie in V8's heap, which moves: asking for the buffer takes them out of it.
  load().koffi.address(memory.buffer) + BigInt(memory.byteOffset);

/** Memory of ours at an address that a system call has returned (mmap). */
export const viewOf = (address: bigint, size: number): Uint8Array =>
  new Uint8Array(load().koffi.view(address, size));

/** A system call by name; what it returns, or -errno. */
export function tryCall(name: string, ...args: readonly Argument[]): number {
  const { syscall, koffi } = load();
  const given: (number | bigint)[] = [0, 0, 0, 0, 0, 0];
  for (const [index, arg] of args.entries()) given[index] = typeof arg === 'object' ? addressOf(arg) : arg;
  const result = Number(syscall(SYSCALLS_X86_64[name]!, ...given));
  return result === -1 ? -koffi.errno() : result;
}

/**
 * The same for those who make hundreds of thousands in a second: by number, with numbers only, and memory by an address asked for once (`addressOf`; keep
 * the memory alive). What it returns, or -1.
 */
export function fastCall(number: number, a: number, b: number, c: number, d: number, e = 0): number {
  return Number((libc ?? load()).syscall(number, a, b, c, d, e, 0));
}

/** The same with any numbers; what it returns, or -errno. */
export function rawCall(number: number, args: readonly bigint[]): bigint {
  const { syscall, koffi } = load();
  const result = BigInt(syscall(number, ...args.map((value) => BigInt.asIntN(64, value))));
  return result === -1n ? BigInt(-koffi.errno()) : result;
}

/** Machine code of ours, as a function of one word that returns one. */
export function functionAt(address: bigint): (argument: bigint) => number | bigint {
  const { koffi } = load();
  return koffi.decode(address, koffi.proto('int64', ['int64']));
}

/** errno of the last fastCall that returned -1. */
export const lastError = (): number => load().koffi.errno();

/** A system call by name. Throws SystemError. */
export function call(name: string, ...args: readonly Argument[]): number {
  const result = tryCall(name, ...args);
  if (result < 0 && result > -4096) throw new SystemError(name, -result);
  return result;
}

/** mmap(2) of a file descriptor, as bytes of ours. Throws SystemError. */
export function mapFile(fd: number, size: number, protection: number, shared = true): Uint8Array {
  return viewOf(BigInt(call('mmap', 0, size, protection, shared ? 1 : 2, fd, 0)), size);
}

/**
 * posix_spawn(3) of a file, with these arguments and environment and all descriptors that are not closed on exec; the process's id. Throws
 * SystemError.
 */
export function posixSpawn(file: string, args: readonly string[], environment: readonly string[]): number {
  const { posixSpawn: spawn } = load();
  const texts = [args, environment].map(strings);
  const pid = new Uint8Array(8);
  const error = spawn(pid, file, null, null, texts[0]!.pointers, texts[1]!.pointers);
  if (error !== 0) throw new SystemError('posix_spawn', error);
  return new DataView(pid.buffer).getInt32(0, true);
}

/** A NULL-terminated array of C strings. */
function strings(texts: readonly string[]): { pointers: BigUint64Array; bytes: Uint8Array } {
  const bytes = new TextEncoder().encode(texts.map((text) => `${text}\0`).join(''));
  const pointers = new BigUint64Array(texts.length + 1);
  let at = bytes.length === 0 ? 0n : addressOf(bytes);
  for (const [index, text] of texts.entries()) {
    pointers[index] = at;
    at += BigInt(new TextEncoder().encode(text).length + 1);
  }
  return { pointers, bytes };
}
