import type { Kernel } from '../kernel.js';
import { areaName } from '../mm/areas.js';
import { residentOf } from '../mm/charge.js';
import { readForced } from '../mm/forced.js';
import type { Area, Mm, Process, Task } from '../state.js';
import { LIMIT_NAMES } from './limit-names.js';
import { cpuList } from './system-files.js';

type Row = (kernel: Kernel, process: Process, thread: Task) => string | Uint8Array;

const sizeOf = (mm: Mm, wanted: (area: Area) => boolean = () => true): number =>
  mm.areas.filter(wanted).reduce((sum, { start, end }) => sum + end - start, 0);

/** TASK_* as one letter (task_state_array in fs/proc/array.c). */
const LETTER = { runnable: 'R', blocked: 'S', stopped: 'T', traced: 't', dead: 'Z' } as const;
const STATES = { R: 'running', S: 'sleeping', T: 'stopped', t: 'tracing stop', Z: 'zombie' } as const;

const mask = (value: bigint): string => value.toString(16).padStart(16, '0');
const pendingMask = (signals: readonly { number: number }[]): bigint =>
  signals.reduce((sum, { number }) => sum | (1n << BigInt(number - 1)), 0n);

/** 0: default, 1: ignored, 2: caught. */
const handled = (process: Process, ignored: boolean): bigint =>
  process.handlers.reduce(
    (sum, { handler }, number) =>
      number > 0 && handler !== 0n && (handler === 1n) === ignored ? sum | (1n << BigInt(number - 1)) : sum,
    0n,
  );

/** Files of /proc/PID and /proc/PID/task/TID (fs/proc/base.c). */
export const OF_PROCESS: Readonly<Record<string, Row>> = {
  maps: (_, _process, { mm }) => mm.areas.map((area) => mapsLine(mm, area)).join(''),
  cmdline: (kernel, _, { mm }) => readForced(kernel, mm, mm.argStart, mm.argEnd - mm.argStart),
  environ: (kernel, _, { mm }) => readForced(kernel, mm, mm.envStart, mm.envEnd - mm.envStart),
  comm: (_, _process, { name }) => `${name}\n`,
  auxv: (_, _process, { mm }) => mm.auxv,
  cgroup: () => '0::/\n',
  mountinfo: () => '',
  mounts: () => 'proc /proc proc rw 0 0\nsysfs /sys sysfs ro 0 0\ntmpfs /tmp tmpfs rw 0 0\n',
  limits: (_, process) => limits(process),
  statm: (_, _process, { mm }) => {
    const text = sizeOf(mm, ({ protection }) => (protection & 4) !== 0) / 4096;
    const data = sizeOf(mm, ({ protection, shared }) => (protection & 2) !== 0 && !shared) / 4096;
    return `${sizeOf(mm) / 4096} ${residentOf(mm)} 0 ${text} 0 ${data} 0\n`;
  },
  stat: (_, process, thread) => `${statFields(process, thread).join(' ')}\n`,
  status,
};

/** proc_pid_status(). */
function status(kernel: Kernel, process: Process, thread: Task): string {
  const { mm } = thread;
  const letter = LETTER[thread.state];
  const kilobytes = (bytes: number): string => `${`${bytes / 1024}`.padStart(8)} kB`;
  const rows: [string, string | number][] = [
    ['Name', thread.name],
    ['Umask', thread.fs.umask.toString(8).padStart(4, '0')],
    ['State', `${letter} (${STATES[letter]})`],
    ['Tgid', process.pid],
    ['Ngid', 0],
    ['Pid', thread.tid],
    ['PPid', process.parent?.pid ?? 1],
    ['TracerPid', thread.ptrace?.tracer.tid ?? 0],
    ['Uid', '0\t0\t0\t0'],
    ['Gid', '0\t0\t0\t0'],
    ['FDSize', 64],
    ['Groups', ' '],
    ['VmSize', kilobytes(sizeOf(mm))],
    ['VmLck', kilobytes(sizeOf(mm, ({ locked }) => locked))],
    ['VmRSS', kilobytes(residentOf(mm) * 4096)],
    ['VmStk', kilobytes(sizeOf(mm, ({ growsDown }) => growsDown))],
    ['Threads', process.tasks.length],
    ['SigQ', `${thread.pending.length + process.shared.length}/63000`],
    ['SigPnd', mask(pendingMask(thread.pending))],
    ['ShdPnd', mask(pendingMask(process.shared))],
    ['SigBlk', mask(thread.mask)],
    ['SigIgn', mask(handled(process, true))],
    ['SigCgt', mask(handled(process, false))],
    ['Seccomp', 0],
    ['Cpus_allowed', thread.affinity.toString(16)],
    ['Cpus_allowed_list', affinityList(kernel, thread)],
    ['Mems_allowed_list', 0],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

function affinityList(kernel: Kernel, { affinity }: Task): string {
  const cpus = kernel.state.cpus.filter(({ id }) => (affinity >> BigInt(id)) & 1n).map(({ id }) => id);
  return cpus.length === kernel.state.cpus.length ? cpuList(kernel).trim() : cpus.join(',');
}

/** do_task_stat(): fields 1 to 52 of proc_pid_stat(5). Clock ticks are a hundredth of a second. */
function statFields(process: Process, thread: Task): (number | string | bigint)[] {
  const { mm } = thread;
  const ticks = Math.floor(process.cpuTime / 1e7);
  const limit = process.limits.get(5)?.[0] ?? (1n << 64n) - 1n;
  const [code] = mm.areas.filter(({ protection }) => (protection & 4) !== 0);
  return [
    ...[thread.tid, `(${thread.name})`, LETTER[thread.state], process.parent?.pid ?? 1, process.group],
    ...[process.session, 0, -1, 0, 0, 0, 0, 0, ticks, 0, 0, 0, 20, 0, process.tasks.length, 0, 100],
    ...[sizeOf(mm), residentOf(mm), limit, code?.start ?? 0, code?.end ?? 0, mm.stackStart, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 0, thread.exitSignal === -1 ? -1 : 17, thread.cpu, 0, 0, 0, 0, 0, mm.brkStart, mm.brkStart],
    ...[mm.brkStart, mm.argStart, mm.argEnd, mm.envStart, mm.envEnd, 0],
  ];
}

function limits({ limits }: Process): string {
  const show = (value: bigint | undefined): string =>
    (value === undefined || value === (1n << 64n) - 1n ? 'unlimited' : `${value}`).padEnd(21);
  const rows = LIMIT_NAMES.map(({ name, unit }, id) => {
    const [soft, hard] = limits.get(id) ?? [];
    return `${name.padEnd(26)}${show(soft)}${show(hard)}${unit.padEnd(10)}\n`;
  });
  return `${'Limit'.padEnd(26)}${'Soft Limit'.padEnd(21)}${'Hard Limit'.padEnd(21)}Units     \n${rows.join('')}`;
}

/** One line of /proc/PID/maps (fs/proc/task_mmu.c show_map_vma). Files have a device, and their number. */
function mapsLine(mm: Mm, area: Area): string {
  const { start, end, protection, shared, offset, object } = area;
  const hex = (value: number): string => value.toString(16).padStart(8, '0');
  const letters = ['r', 'w', 'x'].map((letter, bit) => ((protection >> bit) & 1 ? letter : '-')).join('');
  const device = object === undefined ? '00:00 0' : `00:01 ${object.id}`;
  const line = `${hex(start)}-${hex(end)} ${letters}${shared ? 's' : 'p'} ${hex(offset)} ${device}`;
  const name = areaName(mm, area);
  return `${name === '' ? `${line} ` : `${line.padEnd(72)} ${name}`}\n`;
}
