import { FS_BASE, RIP } from '../registers.js';
import type { Task } from '../state.js';
import { FPSIMD_SIZE, pstate, readFpsimd, SP, setPstate, writeFpsimd, X } from './aarch64-registers.js';
import type { RegisterSet } from './arch.js';

/** Bytes of struct user_fpsimd_state, padding included. */
const FPREGS_SIZE = 528;

const wordsOf = (bytes: Uint8Array): bigint[] => [...new BigUint64Array(bytes.slice().buffer)];
const bytesOf = (...words: bigint[]): Uint8Array => new Uint8Array(new BigUint64Array(words).buffer);

/** A set that is written as a whole, with what it is now where less is given. */
const whole = (unit: number, get: RegisterSet['get'], put: RegisterSet['set']): RegisterSet => ({
  unit,
  get,
  set: (task, bytes) => {
    const all = get(task);
    all.set(bytes);
    put(task, all);
  },
});

/** arch/arm64/kernel/ptrace.c aarch64_regsets, as far as the processor has them. */
export const REGISTER_SETS_AARCH64: Readonly<Record<number, RegisterSet>> = {
  // NT_PRSTATUS: struct user_pt_regs
  1: whole(
    8,
    (task) => {
      const { registers } = task;
      return bytesOf(...X.map((x) => registers[x]!), registers[SP]!, registers[RIP]!, pstate(task));
    },
    (task, bytes) => {
      const words = wordsOf(bytes);
      for (const [n, x] of [...X, SP, RIP].entries()) task.registers[x] = words[n]!;
      setPstate(task, words[33]!);
    },
  ),
  // NT_PRFPREG: struct user_fpsimd_state
  2: whole(
    4,
    (task) => {
      const bytes = new Uint8Array(FPREGS_SIZE);
      bytes.set(readFpsimd(task));
      return bytes;
    },
    (task, bytes) => writeFpsimd(task, bytes.subarray(0, FPSIMD_SIZE)),
  ),
  // NT_ARM_TLS
  1025: whole(
    8,
    ({ registers }) => bytesOf(registers[FS_BASE]!),
    ({ registers }, bytes) => {
      registers[FS_BASE] = wordsOf(bytes)[0]!;
    },
  ),
  // NT_ARM_SYSTEM_CALL: an int
  1028: whole(
    4,
    ({ call }) => new Uint8Array(new Int32Array([Number(BigInt.asIntN(32, call))]).buffer),
    (task: Task, bytes) => {
      const number = new DataView(bytes.buffer).getInt32(0, true);
      task.call = number < 0 ? -1n : BigInt(number);
    },
  ),
};
