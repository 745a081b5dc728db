import { Errno, failure } from '../errno.js';
import { randomBytes } from '../random.js';
import { FS_BASE, GS_BASE } from '../registers.js';
import { type Calls, int, size } from './call.js';

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;

const text = (value: string): Uint8Array => Uint8Array.from(value, (c) => c.charCodeAt(0));

/** Who one is, and what the machine is: everybody is root in the simulation. */
export const IDENTITY: Calls = {
  getpid: ({ task }) => task.process.pid,
  gettid: ({ task }) => task.tid,
  getppid: ({ task }) => task.process.parent?.pid ?? 1,
  getpgrp: ({ task }) => task.process.group,
  getpgid: ({ kernel, task, arguments: [pid] }) => {
    const process = int(pid) === 0 ? task.process : kernel.state.processes.get(int(pid));
    return process?.group ?? failure('ESRCH');
  },
  getsid: ({ task }) => task.process.session,
  setsid: ({ task }) => {
    if (task.process.group === task.process.pid) throw new Errno('EPERM');
    task.process.session = task.process.group = task.process.pid;
    return task.process.pid;
  },
  setpgid: ({ kernel, task, arguments: [pid, group] }) => {
    const process = int(pid) === 0 ? task.process : kernel.state.processes.get(int(pid));
    if (process === undefined) throw new Errno('ESRCH');
    process.group = int(group) === 0 ? process.pid : int(group);
    return 0;
  },
  arch_prctl: ({ task, memory, arguments: [code, address] }) => {
    const { registers } = task;
    switch (int(code)) {
      case ARCH_SET_FS:
        registers[FS_BASE] = address!;
        return 0;
      case ARCH_SET_GS:
        registers[GS_BASE] = address!;
        return 0;
      case ARCH_GET_FS:
        memory.setU64(address!, registers[FS_BASE]!);
        return 0;
      case ARCH_GET_GS:
        memory.setU64(address!, registers[GS_BASE]!);
        return 0;
      default:
        throw new Errno('EINVAL');
    }
  },
  uname: ({ kernel, memory, arguments: [buffer] }) => {
    const bytes = new Uint8Array(6 * 65);
    const { version } = kernel.options;
    const release = version.split('.').length < 3 ? `${version}.0` : version;
    for (const [index, value] of [
      'Linux',
      'rseqlab',
      `${release}-rseqlab`,
      '#1 SMP',
      kernel.arch.platform,
      '(none)',
    ].entries())
      bytes.set(text(value), 65 * index);
    memory.write(buffer!, bytes);
    return 0;
  },
  getrandom: ({ kernel, memory, arguments: [buffer, length, flags] }) => {
    // GRND_NONBLOCK, GRND_RANDOM, GRND_INSECURE, the last two not together.
    if ((int(flags) & ~7) !== 0 || (int(flags) & 6) === 6) throw new Errno('EINVAL');
    const bytes = randomBytes(kernel.state.random, Math.min(size(length), 1 << 20));
    memory.write(buffer!, bytes);
    return bytes.length;
  },
  getcpu: ({ task, memory, arguments: [cpu, node] }) => {
    if (cpu !== 0n) memory.setU32(cpu!, task.cpu);
    if (node !== 0n) memory.setU32(node!, 0);
    return 0;
  },
};
