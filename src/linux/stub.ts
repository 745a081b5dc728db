/**
 * The first program of a process of ours: a small ELF file, written here, that stops itself, so that one can attach to it, makes some system calls
 * of our choice, and then becomes the program that it is to be.
 */
import { SIG } from '../abi/signals.js';
import { SYSCALLS_X86_64 } from '../abi/syscalls-x86-64.js';

/** A system call to make before exec; its arguments are numbers, or bytes of which it gets the address, and which may depend on that. */
export interface FirstCall {
  readonly name: string;
  readonly arguments: readonly (number | bigint | Uint8Array | ((address: bigint) => Uint8Array))[];
}

const BASE = 0x10000n;
const EHDR = 64;
const PHDR = 56;
/** Bytes of a row of the table behind the code: the number and six arguments. */
const ROW = 56;

/** prctl(2): the signal to get when the parent ends. While it is stopped nobody else knows of the stub: it ends with us. */
export const PR_SET_PDEATHSIG = 1;

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

/** x86-64 machine code. argv: the stub's name, the path of the program, the program's argv. Ends with the errno as exit status when a call fails. */
// biome-ignore format: one instruction a line
const CODE = Uint8Array.of(
  0xbf, PR_SET_PDEATHSIG, 0, 0, 0,               // mov edi, PR_SET_PDEATHSIG
  0xbe, SIG.SIGKILL, 0, 0, 0,                    // mov esi, SIGKILL
  0xb8, SYSCALLS_X86_64['prctl']!, 0, 0, 0,      // mov eax, prctl
  0x0f, 0x05,                                    // syscall
  0xb8, SYSCALLS_X86_64['getppid']!, 0, 0, 0,    // mov eax, getppid: are we there still?
  0x0f, 0x05,                                    // syscall
  0x3d, ...u32(process.pid),                     // cmp eax, our own number
  0x74, 0x07,                                    // je + 7
  0xb8, SYSCALLS_X86_64['exit_group']!, 0, 0, 0, // mov eax, exit_group
  0x0f, 0x05,                                    // syscall
  0xb8, SYSCALLS_X86_64['getpid']!, 0, 0, 0,     // mov eax, getpid
  0x0f, 0x05,                                    // syscall
  0x89, 0xc7,                                    // mov edi, eax
  0xbe, SIG.SIGSTOP, 0, 0, 0,                    // mov esi, SIGSTOP
  0xb8, SYSCALLS_X86_64['kill']!, 0, 0, 0,       // mov eax, kill
  0x0f, 0x05,                                    // syscall
  0x48, 0x8d, 0x1d, 0x54, 0, 0, 0,               // lea rbx, [rip + table]
  0x48, 0x8b, 0x03,                              // next: mov rax, [rbx]
  0x48, 0x83, 0xf8, 0xff,                        // cmp rax, -1
  0x74, 0x25,                                    // je exec
  0x48, 0x8b, 0x7b, 0x08,                        // mov rdi, [rbx + 8]
  0x48, 0x8b, 0x73, 0x10,                        // mov rsi, [rbx + 16]
  0x48, 0x8b, 0x53, 0x18,                        // mov rdx, [rbx + 24]
  0x4c, 0x8b, 0x53, 0x20,                        // mov r10, [rbx + 32]
  0x4c, 0x8b, 0x43, 0x28,                        // mov r8, [rbx + 40]
  0x4c, 0x8b, 0x4b, 0x30,                        // mov r9, [rbx + 48]
  0x48, 0x83, 0xc3, ROW,                         // add rbx, ROW
  0x0f, 0x05,                                    // syscall
  0x48, 0x85, 0xc0,                              // test rax, rax
  0x79, 0xd4,                                    // jns next
  0xeb, 0x19,                                    // jmp fail
  0x48, 0x8b, 0x7c, 0x24, 0x10,                  // exec: mov rdi, [rsp + 16] (argv[1])
  0x48, 0x8d, 0x74, 0x24, 0x18,                  // lea rsi, [rsp + 24] (&argv[2])
  0x8b, 0x04, 0x24,                              // mov eax, [rsp] (argc)
  0x48, 0x8d, 0x54, 0xc4, 0x10,                  // lea rdx, [rsp + 8 * rax + 16] (envp)
  0xb8, SYSCALLS_X86_64['execve']!, 0, 0, 0,     // mov eax, execve
  0x0f, 0x05,                                    // syscall
  0x89, 0xc7,                                    // fail: mov edi, eax
  0xf7, 0xdf,                                    // neg edi
  0xb8, SYSCALLS_X86_64['exit_group']!, 0, 0, 0, // mov eax, exit_group
  0x0f, 0x05,                                    // syscall
  0x66, 0x90,                                    // the table follows
);

/** The ELF file: one segment with all of it, at a fixed address, so that rows can hold addresses of the bytes behind them. */
export function stubImage(calls: readonly FirstCall[]): Uint8Array {
  const start = EHDR + PHDR;
  const table = start + CODE.length;
  let end = table + ROW * calls.length + 8;
  const blobs: { at: number; bytes: Uint8Array }[] = [];
  const place = (given: Uint8Array | ((address: bigint) => Uint8Array)): bigint => {
    const at = (end + 7) & ~7;
    const bytes = typeof given === 'function' ? given(BASE + BigInt(at)) : given;
    end = at + bytes.length;
    blobs.push({ at, bytes });
    return BASE + BigInt(at);
  };
  const rows = calls.map(({ name, arguments: given }) => [
    BigInt(SYSCALLS_X86_64[name]!),
    ...given.map((value) =>
      typeof value === 'object' || typeof value === 'function' ? place(value) : BigInt(value),
    ),
  ]);
  const image = new Uint8Array(end);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELFCLASS64, ELFDATA2LSB, EV_CURRENT
  const ET_EXEC = 2;
  const EM_X86_64 = 62;
  const PT_LOAD = 1;
  const RWX = 7;
  for (const [
    at,
    half,
  ] of [[16, ET_EXEC], [18, EM_X86_64], [20, 1], [52, EHDR], [54, PHDR], [56, 1]] as const) // biome-ignore format: a table
    view.setUint16(at, half, true);
  view.setBigUint64(24, BASE + BigInt(start), true); // e_entry
  view.setBigUint64(32, BigInt(EHDR), true); // e_phoff
  view.setUint32(EHDR, PT_LOAD, true);
  view.setUint32(EHDR + 4, RWX, true);
  for (const [
    at,
    word,
  ] of [[16, BASE], [24, BASE], [32, BigInt(end)], [40, BigInt(end)], [48, 0x1000n]] as const) // biome-ignore format: a table
    view.setBigUint64(EHDR + at, word, true);
  image.set(CODE, start);
  for (const [index, row] of rows.entries())
    for (const [word, value] of row.entries())
      view.setBigUint64(table + ROW * index + 8 * word, BigInt.asUintN(64, value), true);
  view.setBigInt64(table + ROW * calls.length, -1n, true);
  for (const { at, bytes } of blobs) image.set(bytes, at);
  return image;
}
