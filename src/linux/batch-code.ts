/** The machine code that carries out the rows of a batch (batch.ts says what they mean), and the same in TypeScript where such code cannot be had. */
import { call, functionAt, rawCall, tryCall, viewOf } from './libc.js';

/** Words of 64 bits in a row: operation, six operands, where the result goes. */
export const ROW_WORDS = 8;

/** Kinds of rows: the operation's top byte. Its low half is the number of a call, and bit 16 + n says that operand n is the address of the value. */
export const KIND = { call: 0, end: 1, load: 2, set: 3, less: 4, equal: 5, unequal: 6 } as const;
export const KIND_SHIFT = 24;
export const INDIRECT_SHIFT = 16;

/** x86-64, called with the address of the first row (System V ABI); returns what the row `end` says. */
// biome-ignore format: one instruction a line
const CODE = Uint8Array.of(
  0x53,                               // push rbx
  0x55,                               // push rbp
  0x48, 0x89, 0xfb,                   // mov rbx, rdi
  0x48, 0x8b, 0x2b,                   // next: mov rbp, [rbx]: the operation
  0x48, 0x8b, 0x7b, 0x08,             // mov rdi, [rbx + 8]: the operands, where system calls have them
  0x48, 0x8b, 0x73, 0x10,             // mov rsi, [rbx + 16]
  0x48, 0x8b, 0x53, 0x18,             // mov rdx, [rbx + 24]
  0x4c, 0x8b, 0x53, 0x20,             // mov r10, [rbx + 32]
  0x4c, 0x8b, 0x43, 0x28,             // mov r8, [rbx + 40]
  0x4c, 0x8b, 0x4b, 0x30,             // mov r9, [rbx + 48]
  0xf7, 0xc5, 0x00, 0x00, 0x3f, 0x00, // test ebp, 0x3f0000
  0x74, 0x36,                         // jz ready
  0x0f, 0xba, 0xe5, 0x10,             // bt ebp, 16
  0x73, 0x03,                         // jnc + 3
  0x48, 0x8b, 0x3f,                   // mov rdi, [rdi]
  0x0f, 0xba, 0xe5, 0x11,             // bt ebp, 17
  0x73, 0x03,                         // jnc + 3
  0x48, 0x8b, 0x36,                   // mov rsi, [rsi]
  0x0f, 0xba, 0xe5, 0x12,             // bt ebp, 18
  0x73, 0x03,                         // jnc + 3
  0x48, 0x8b, 0x12,                   // mov rdx, [rdx]
  0x0f, 0xba, 0xe5, 0x13,             // bt ebp, 19
  0x73, 0x03,                         // jnc + 3
  0x4d, 0x8b, 0x12,                   // mov r10, [r10]
  0x0f, 0xba, 0xe5, 0x14,             // bt ebp, 20
  0x73, 0x03,                         // jnc + 3
  0x4d, 0x8b, 0x00,                   // mov r8, [r8]
  0x0f, 0xba, 0xe5, 0x15,             // bt ebp, 21
  0x73, 0x03,                         // jnc ready
  0x4d, 0x8b, 0x09,                   // mov r9, [r9]
  0x89, 0xe8,                         // ready: mov eax, ebp
  0xc1, 0xe8, 0x18,                   // shr eax, 24
  0x75, 0x12,                         // jnz control
  0x0f, 0xb7, 0xc5,                   // movzx eax, bp
  0x0f, 0x05,                         // syscall
  0x48, 0x8b, 0x4b, 0x38,             // mov rcx, [rbx + 56]
  0x48, 0x89, 0x01,                   // mov [rcx], rax
  0x48, 0x83, 0xc3, 0x40,             // following: add rbx, 64
  0xeb, 0x8e,                         // jmp next
  0x3c, 0x02,                         // control: cmp al, load
  0x72, 0x35,                         // jb end
  0x74, 0x25,                         // je load
  0x48, 0x21, 0xd6,                   // and rsi, rdx
  0x3c, 0x04,                         // cmp al, less
  0x72, 0x24,                         // jb set
  0x74, 0x0f,                         // je less
  0x4c, 0x39, 0xd6,                   // cmp rsi, r10
  0x0f, 0x94, 0xc1,                   // sete cl
  0x8d, 0x50, 0xfb,                   // lea edx, [rax - 5]: 0 equal, 1 unequal
  0x38, 0xd1,                         // cmp cl, dl
  0x74, 0xde,                         // je following
  0xeb, 0x05,                         // jmp goto
  0x4c, 0x39, 0xd6,                   // less: cmp rsi, r10
  0x7d, 0xd7,                         // jge following
  0x48, 0x89, 0xfb,                   // goto: mov rbx, rdi
  0xe9, 0x63, 0xff, 0xff, 0xff,       // jmp next
  0x48, 0x8b, 0x36,                   // load: mov rsi, [rsi]
  0x48, 0x21, 0xd6,                   // and rsi, rdx
  0x4c, 0x01, 0xd6,                   // set: add rsi, r10
  0x48, 0x89, 0x37,                   // mov [rdi], rsi
  0xeb, 0xc1,                         // jmp following
  0x48, 0x89, 0xf8,                   // end: mov rax, rdi
  0x5d,                               // pop rbp
  0x5b,                               // pop rbx
  0xc3,                               // ret
);

const PROT = { READ_WRITE: 3, READ_EXEC: 5 };
const MAP_PRIVATE_ANONYMOUS = 0x22;

type Carry = (firstRow: bigint) => number | bigint;
let routine: { readonly carry: Carry | undefined } | undefined;

/** The code, in memory of ours; undefined where none may be executed there (SELinux execmem, PR_SET_MDWE). Throws Unavailable. */
export function machineCode(): Carry | undefined {
  routine ??= { carry: mapped() };
  return routine.carry;
}

function mapped(): Carry | undefined {
  const at = call('mmap', 0, CODE.length, PROT.READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  viewOf(BigInt(at), CODE.length).set(CODE);
  if (tryCall('mprotect', at, CODE.length, PROT.READ_EXEC) === 0) return functionAt(BigInt(at));
  call('munmap', at, CODE.length);
  return undefined;
}

const unsigned = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The rows in `words`, which lie at `base`, one call of ours each. What they point to must lie there too, but for what only calls use. */
export function carryOut(words: BigUint64Array, base: bigint, firstRow: bigint): number {
  const index = (address: bigint): number => Number((address - base) >> 3n);
  for (let row = index(firstRow); ; row += ROW_WORDS) {
    const operation = Number(words[row]);
    const operand = (n: number): bigint => {
      const word = words[row + 1 + n]!;
      return (operation >> (INDIRECT_SHIFT + n)) & 1 ? words[index(word)]! : word;
    };
    const [a, b, mask, d] = [operand(0), operand(1), operand(2), operand(3)];
    const jump = (): void => {
      row = index(a) - ROW_WORDS;
    };
    switch (operation >> KIND_SHIFT) {
      case KIND.call:
        words[index(words[row + 7]!)] = unsigned(
          rawCall(operation & 0xffff, [a, b, mask, d, operand(4), operand(5)]),
        );
        break;
      case KIND.end:
        return Number(a);
      case KIND.load:
        words[index(a)] = unsigned((words[index(b)]! & mask) + d);
        break;
      case KIND.set:
        words[index(a)] = unsigned((b & mask) + d);
        break;
      case KIND.less:
        if (BigInt.asIntN(64, b & mask) < BigInt.asIntN(64, d)) jump();
        break;
      case KIND.equal:
        if ((b & mask) === d) jump();
        break;
      case KIND.unequal:
        if ((b & mask) !== d) jump();
    }
  }
}
