import { SYSCALLS_X86_64 } from '../../abi/syscalls-x86-64.js';
import { TASK_SIZE } from '../../abi/task-size.js';
import { GENERAL_NAMES, R8, R9, RAX, RBX, RCX, RDI, RDX, RSI, RSP } from '../../isa/x86-64/registers.js';
import { failure } from '../errno.js';
import { FS_BASE, GS_BASE, RIP, rflags } from '../registers.js';
import type { Task } from '../state.js';
import type { Arch } from './arch.js';
import { CONVENTION_X86_64 } from './x86-64-convention.js';
import { readFx, resetFpu, writeFx } from './x86-64-fx.js';
import { getRegisters, setRegisters } from './x86-64-user.js';

const X86_TRAP_DB = 1;
const R10 = 10;
const R11 = 11;
const SIZE_OF_SYSCALL = 2n;
const BLOCK = 4096n;
/** Where files lie: an anonymous device, as of tmpfs. */
const DEVICE = 1n;
const same = (flags: number): number => flags;

export const X86_64: Arch = {
  name: 'x86-64',
  convention: CONVENTION_X86_64,
  platform: 'x86_64',
  // cpuid leaf 1, edx, of the simulated processor.
  hwcap: 0x0789_fbffn,
  taskSize: TASK_SIZE['x86-64'].usual,
  // ksys_arch_prctl()
  threadPointerLimit: TASK_SIZE['x86-64'].usual,
  signalStack: { least: 2048n, frame: 1776n },
  syscalls: SYSCALLS_X86_64,
  cloneArguments: ['flags', 'stack', 'parentTid', 'childTid', 'tls'],
  stackPointer: RSP,
  arguments: [RDI, RSI, RDX, R10, R8, R9],
  result: RAX,
  direction: undefined,
  descriptor: RBX,
  sigreturn: undefined,
  openFlags: { read: same, show: same },
  registerSets: {
    // NT_PRSTATUS, NT_PRFPREG
    1: { unit: 8, get: getRegisters, set: setRegisters },
    2: {
      unit: 8,
      get: ({ registers }) => writeFx(registers),
      set: ({ registers }, bytes) => {
        const whole = writeFx(registers);
        whole.set(bytes);
        readFx(registers, whole);
      },
    },
  },
  hasUserArea: true,
  audit: 0xc000_003e,

  /** arch/x86/entry/entry_64.S. */
  enterCall(task: Task): void {
    const { registers } = task;
    task.call = registers[RAX]!;
    registers[RCX] = registers[RIP]!;
    registers[R11] = rflags(task);
    registers[RAX] = BigInt.asUintN(64, BigInt(failure('ENOSYS')));
  },

  rewind({ registers, call }: Task, other: number | undefined): void {
    registers[RAX] = other === undefined ? call : BigInt(other);
    registers[RIP]! -= SIZE_OF_SYSCALL;
  },

  reset(registers: BigUint64Array): void {
    registers.fill(0n);
    resetFpu(registers);
  },

  /** Registers are 0 but for rip and rsp (ELF_PLAT_INIT). execve(2) has no result yet, and that is what a tracer sees (elf_common_init()). */
  begin({ registers }: Task, entry: number, stack: number): void {
    const noResult = registers[RAX]!;
    this.reset(registers);
    registers[RIP] = BigInt(entry);
    registers[RSP] = BigInt(stack);
    registers[RAX] = noResult;
  },

  entered: () => {},
  hasMonitor: false,

  /** arch/x86/kernel/traps.c exc_debug_user(). */
  stepped(task: Task): void {
    task.trap = { ...task.trap, number: X86_TRAP_DB, error: 0 };
  },

  /** struct stat (arch/x86/include/uapi/asm/stat.h). */
  stat({ inode, links, mode, uid, gid, device: [major, minor], size, pages }, times): Uint8Array {
    const words = [
      DEVICE,
      BigInt(inode),
      BigInt(links),
      BigInt(mode) | (BigInt(uid) << 32n),
      BigInt(gid),
      BigInt((major << 8) | minor),
      BigInt(size),
      BLOCK,
      BigInt(pages * 8),
      ...times,
      0n,
      0n,
      0n,
    ];
    return new Uint8Array(new BigUint64Array(words).buffer);
  },

  named(task: Task) {
    const { registers } = task;
    return [
      ...GENERAL_NAMES.map((name, number) => [name, registers[number]!] as const),
      ['rip', registers[RIP]!],
      ['rflags', rflags(task)],
      ['fs_base', registers[FS_BASE]!],
      ['gs_base', registers[GS_BASE]!],
    ];
  },
};
