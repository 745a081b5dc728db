import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { BinaryError } from '../../binary/error.js';
import { readImage } from '../../binary/read.js';
import { ProgramError } from '../program-error.js';

/** Name of its map. */
export const VDSO = '[vdso]';

/** The functions of the vDSO (vdso(7)), and the system calls that do the same. */
const FUNCTIONS: Readonly<Record<string, keyof typeof SYSCALLS_X86_64>> = {
  __vdso_clock_gettime: 'clock_gettime',
  __vdso_clock_getres: 'clock_getres',
  __vdso_gettimeofday: 'gettimeofday',
  __vdso_time: 'time',
  __vdso_getcpu: 'getcpu',
  __vdso_getrandom: 'getrandom',
};
/** endbr64: where the processor checks indirect calls, each function begins with it. */
const ENDBR64 = [0xf3, 0x0f, 0x1e, 0xfa];

/**
 * A real kernel's vDSO for a simulated one: it reads the clock in the kernel's own pages, which are not to be had here, so each of its functions becomes
 * the system call that it saves. A thread that stands in the middle of one goes on in the old code, and finds pages of zeros, which say that the
 * clock cannot be read without the kernel (VDSO_CLOCKMODE_NONE), so that it makes the system call too.
 */
export function callingVdso(bytes: Uint8Array): Uint8Array {
  const made = bytes.slice();
  for (const { name, address } of symbolsOf(bytes)) {
    const call = FUNCTIONS[name];
    if (call === undefined || address === undefined) continue;
    let at = Number(address);
    if (ENDBR64.every((byte, n) => made[at + n] === byte)) at += ENDBR64.length;
    // mov $number, %eax; syscall; ret
    made.set([0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3], at);
    new DataView(made.buffer).setUint32(at + 1, SYSCALLS_X86_64[call]!, true);
  }
  return made;
}

function symbolsOf(bytes: Uint8Array): readonly { readonly name: string; readonly address?: unknown }[] {
  try {
    return readImage(bytes, VDSO).symbols;
  } catch (error) {
    if (!(error instanceof BinaryError)) throw error;
    throw new ProgramError(`the image's vDSO cannot be read: ${error.message}; take the image again`);
  }
}
