import { Errno } from '../errno.js';
import { areaAt } from '../mm/areas.js';
import { type Call, type Calls, int, size, unsigned } from './call.js';
import { pageRange } from './ranges.js';

/** MPOL_MAX, and flags in a mode. */
const MOST_MODE = 7;
const MODE_FLAGS = 0xe000;
const MPOL_DEFAULT = 0;
const MPOL_LOCAL = 4;
const GET = { NODE: 1, ADDR: 2, MEMS_ALLOWED: 4 } as const;

/** There is one node, 0: a policy can name no other. EINVAL. */
function checkPolicy({ memory }: Call, mode: bigint, mask: bigint, most: bigint): void {
  const kind = unsigned(mode) & ~MODE_FLAGS;
  if (kind >= MOST_MODE) throw new Errno('EINVAL');
  const bits = size(most) - 1;
  const words = mask === 0n || bits <= 0 ? 0 : Math.ceil(bits / 64);
  if (words > 128) throw new Errno('EINVAL');
  let nodes = 0n;
  for (let n = 0; n < words; n++) nodes |= memory.u64(mask + BigInt(8 * n)) << BigInt(64 * n);
  const needsNone = kind === MPOL_DEFAULT || kind === MPOL_LOCAL;
  if (needsNone ? nodes !== 0n : (nodes & 1n) === 0n && kind !== 1) throw new Errno('EINVAL');
}

export const NUMA: Calls = {
  get_mempolicy: (call) => {
    const { kernel, task, memory } = call;
    const [mode, mask, most, address, flags] = call.arguments as [bigint, bigint, bigint, bigint, bigint];
    const how = int(flags);
    if ((how & ~7) !== 0) throw new Errno('EINVAL');
    const hasAddress = (how & GET.ADDR) !== 0;
    if (!hasAddress && address !== 0n) throw new Errno('EINVAL');
    if (hasAddress && (address >= kernel.arch.taskSize || areaAt(task.mm, Number(address)) === undefined))
      throw new Errno('EFAULT');
    if (how === GET.NODE) throw new Errno('EINVAL');
    if (mode !== 0n) memory.setU32(mode, MPOL_DEFAULT);
    if (mask !== 0n) memory.write(mask, nodeMask(size(most), how === GET.MEMS_ALLOWED));
    return 0;
  },
  set_mempolicy: (call) => {
    checkPolicy(call, call.arguments[0]!, call.arguments[1]!, call.arguments[2]!);
    return 0;
  },
  mbind: (call) => {
    const [address, length, mode, mask, most, flags] = call.arguments as [
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
      bigint,
    ];
    if ((int(flags) & ~7) !== 0) throw new Errno('EINVAL');
    pageRange(address, length, 'EINVAL');
    checkPolicy(call, mode, mask, most);
    return 0;
  },
};

function nodeMask(bits: number, first: boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits / 64) * 8);
  if (bytes.length > 0 && first) bytes[0] = 1;
  return bytes;
}
