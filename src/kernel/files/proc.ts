import type { Kernel } from '../kernel.js';
import type { Area, Process, Task } from '../state.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** A file of /proc or /sys, made when it is opened; undefined where there is none of that name. */
export function procFile(kernel: Kernel, task: Task, path: string): Uint8Array | undefined {
  const system = SYSTEM[path];
  if (system !== undefined) return latin1(system(kernel));
  const match = /^\/proc\/(self|thread-self|\d+)(?:\/task\/(\d+))?\/(\w+)$/.exec(path);
  if (match === null) return undefined;
  const [, who, tid, name] = match;
  const process = /^\d/.test(who!) ? kernel.state.processes.get(Number(who)) : task.process;
  const thread = tid === undefined ? process?.tasks[0] : kernel.state.tasks.get(Number(tid));
  if (process === undefined) return undefined;
  const made = OF_PROCESS[name!]?.(kernel, process, who === 'thread-self' ? task : (thread ?? task));
  return typeof made === 'string' ? latin1(made) : made;
}

/** `0-3` as the kernel prints CPU lists. */
const cpuList = ({ state }: Kernel): string =>
  state.cpus.length === 1 ? '0\n' : `0-${state.cpus.length - 1}\n`;

const SYSTEM: Readonly<Record<string, (kernel: Kernel) => string>> = {
  '/sys/devices/system/cpu/online': cpuList,
  '/sys/devices/system/cpu/possible': cpuList,
  '/sys/devices/system/cpu/present': cpuList,
  '/sys/devices/system/node/online': () => '0\n',
  '/sys/devices/system/node/possible': () => '0\n',
  '/proc/stat': ({ state }) =>
    ['cpu', ...state.cpus.map(({ id }) => `cpu${id}`)]
      .map((name) => `${name}  0 0 0 0 0 0 0 0 0 0\n`)
      .join(''),
  '/proc/cpuinfo': ({ state }) =>
    state.cpus
      .map(
        ({ id }) =>
          `processor\t: ${id}\nvendor_id\t: rseqlab\nmodel name\t: rseqlab simulated x86-64\ncpu cores\t: ${state.cpus.length}\n\n`,
      )
      .join(''),
  '/proc/meminfo': () =>
    'MemTotal:        4194304 kB\nMemFree:         4194304 kB\nMemAvailable:    4194304 kB\n',
  '/proc/version': ({ options }) => `Linux version ${options.version}-rseqlab\n`,
  '/proc/uptime': ({ state }) => `${(state.clock / 1e9).toFixed(2)} 0.00\n`,
  '/proc/loadavg': () => '0.00 0.00 0.00 1/1 1\n',
  '/proc/filesystems': () => 'nodev\tproc\n',
  '/proc/sys/kernel/pid_max': () => '4194304\n',
  '/proc/sys/vm/overcommit_memory': () => '1\n',
  '/sys/kernel/mm/transparent_hugepage/enabled': () => 'always madvise [never]\n',
};

type Made = string | Uint8Array | undefined;

const OF_PROCESS: Readonly<Record<string, (kernel: Kernel, process: Process, task: Task) => Made>> = {
  maps: (_, _process, { mm }) => mm.areas.map(mapsLine).join(''),
  cmdline: (_, { commandLine }) => commandLine,
  comm: (_, _process, { name }) => `${name}\n`,
  auxv: (_, _process, { mm }) => mm.auxv,
  stat: (_, process, task) => {
    const { mm } = task;
    const rest = [
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      20,
      0,
      process.tasks.length,
      0,
      0,
      0,
      0,
      '18446744073709551615',
      0,
      0,
      mm.stackStart,
    ];
    return `${task.tid} (${task.name}) R ${process.parent?.pid ?? 0} ${process.group} ${process.session} 0 -1 0 ${rest.join(' ')}\n`;
  },
  status: (kernel, process, task) =>
    [
      `Name:\t${task.name}`,
      'State:\tR (running)',
      `Tgid:\t${process.pid}`,
      `Pid:\t${task.tid}`,
      `PPid:\t${process.parent?.pid ?? 0}`,
      'TracerPid:\t0',
      'Uid:\t0\t0\t0\t0',
      'Gid:\t0\t0\t0\t0',
      `Threads:\t${process.tasks.length}`,
      `SigBlk:\t${task.mask.toString(16).padStart(16, '0')}`,
      `Cpus_allowed:\t${task.affinity.toString(16)}`,
      `Cpus_allowed_list:\t${cpuList(kernel).trim()}`,
      '',
    ].join('\n'),
};

/** One line of /proc/PID/maps (fs/proc/task_mmu.c show_map_vma). */
function mapsLine({ start, end, protection, shared, offset, name }: Area): string {
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  const letters = ['r', 'w', 'x'].map((letter, bit) => ((protection >> bit) & 1 ? letter : '-')).join('');
  const line = `${hex(start)}-${hex(end)} ${letters}${shared ? 's' : 'p'} ${hex(offset)} 00:00 0`;
  return `${name === '' ? line : `${line.padEnd(72)} ${name}`}\n`;
}
