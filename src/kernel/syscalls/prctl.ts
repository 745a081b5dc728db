import { PR_RSEQ_SLICE_EXTENSION } from '../../abi/slice.js';
import { Errno } from '../errno.js';
import { changeAreas } from '../mm/map.js';
import { slicePrctl } from '../rseq/slice.js';
import { type Call, type Calls, int, type Result, unsigned } from './call.js';
import { pageRange } from './ranges.js';

/** One option of prctl(2): its arguments are those of the call. */
export type Option = (call: Call) => Result;

const value = ({ arguments: args }: Call): number => int(args[1]);

/** Options that take no further arguments, all of which must be 0. */
const strict =
  (option: Option, from: number): Option =>
  (call) => {
    if (call.arguments.slice(from, 5).some((each) => each !== 0n)) throw new Errno('EINVAL');
    return option(call);
  };

const PR_SET_VMA_ANON_NAME = 0n;

/** Names private memory for /proc/PID/maps. */
const nameArea: Option = ({ task, memory, arguments: [, kind, address, length, text] }) => {
  if (kind !== PR_SET_VMA_ANON_NAME) throw new Errno('EINVAL');
  const name = text === 0n ? '' : `[anon:${memory.text(text!, 80)}]`;
  const { start, end } = pageRange(address!, length!, 'EINVAL');
  changeAreas(task.mm, start, end, (area) => {
    if (area.object !== undefined) throw new Errno('EBADF');
    area.name = name;
  });
  return 0;
};

/** By PR_* (include/uapi/linux/prctl.h). */
const OPTIONS: ReadonlyMap<number, Option> = new Map<number, Option>([
  // PR_SET_PDEATHSIG, PR_GET_PDEATHSIG
  [
    1,
    (call) => {
      if (call.arguments[1]! > 64n) throw new Errno('EINVAL');
      call.task.deathSignal = value(call);
      return 0;
    },
  ],
  [
    2,
    ({ task, memory, arguments: args }) => {
      memory.setU32(args[1]!, task.deathSignal);
      return 0;
    },
  ],
  // PR_GET_DUMPABLE, PR_SET_DUMPABLE
  [3, ({ task }) => task.process.dumpable],
  [
    4,
    (call) => {
      if (call.arguments[1]! > 1n) throw new Errno('EINVAL');
      call.task.process.dumpable = value(call);
      return 0;
    },
  ],
  // PR_SET_NAME, PR_GET_NAME
  [
    15,
    ({ task, memory, arguments: args }) => {
      const bytes = [];
      for (let n = 0n; n < 15n; n++) {
        const [byte] = memory.read(args[1]! + n, 1);
        if (byte === 0) break;
        bytes.push(byte!);
      }
      task.name = String.fromCharCode(...bytes);
      return 0;
    },
  ],
  [
    16,
    ({ task, memory, arguments: args }) => {
      memory.write(
        args[1]!,
        Uint8Array.from(task.name.padEnd(16, '\0'), (c) => c.charCodeAt(0)),
      );
      return 0;
    },
  ],
  // PR_GET_SECCOMP
  [21, () => 0],
  // PR_CAPBSET_READ
  [
    23,
    (call) => {
      if (call.arguments[1]! > 40n) throw new Errno('EINVAL');
      return 1;
    },
  ],
  // PR_GET_TIMERSLACK
  [30, () => 50_000],
  // PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER
  [
    36,
    (call) => {
      call.task.process.subreaper = call.arguments[1] !== 0n;
      return 0;
    },
  ],
  [
    37,
    ({ task, memory, arguments: args }) => {
      memory.setU32(args[1]!, Number(task.process.subreaper));
      return 0;
    },
  ],
  // PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS
  [
    38,
    strict((call) => {
      if (call.arguments[1] !== 1n) throw new Errno('EINVAL');
      call.task.process.noNewPrivileges = true;
      return 0;
    }, 2),
  ],
  [39, strict(({ task }) => Number(task.process.noNewPrivileges), 1)],
  // PR_GET_THP_DISABLE
  [42, strict(() => 0, 1)],
  [
    PR_RSEQ_SLICE_EXTENSION,
    ({ kernel, task, arguments: args }) =>
      slicePrctl(kernel, task, args.slice(1, 5) as [bigint, bigint, bigint, bigint]),
  ],
  // PR_SET_VMA
  [0x5356_4d41, nameArea],
]);

export const PRCTL: Calls = {
  prctl: (call) => {
    const option = OPTIONS.get(unsigned(call.arguments[0]));
    if (option === undefined) throw new Errno('EINVAL');
    return option(call);
  },
};
