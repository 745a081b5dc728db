import type { Kernel } from '../kernel.js';

/** `0-3` as the kernel prints CPU lists. */
export const cpuList = ({ state }: Kernel): string =>
  state.cpus.length === 1 ? '0\n' : `0-${state.cpus.length - 1}\n`;

type Row = (kernel: Kernel) => string;

const kilobytes = (pages: number): string => `${pages * 4} kB`.padStart(16);

const ROWS: Readonly<Record<string, Row>> = {
  '/sys/devices/system/cpu/online': cpuList,
  '/sys/devices/system/cpu/possible': cpuList,
  '/sys/devices/system/cpu/present': cpuList,
  '/sys/devices/system/cpu/isolated': () => '\n',
  '/sys/devices/system/cpu/offline': () => '\n',
  '/sys/devices/system/cpu/kernel_max': () => '8191\n',
  '/sys/devices/system/node/online': () => '0\n',
  '/sys/devices/system/node/possible': () => '0\n',
  '/sys/devices/system/node/has_cpu': () => '0\n',
  '/sys/devices/system/node/has_memory': () => '0\n',
  '/sys/devices/system/node/node0/cpulist': cpuList,
  '/proc/stat': ({ state }) =>
    ['cpu', ...state.cpus.map(({ id }) => `cpu${id}`)]
      .map((name) => `${name}  0 0 0 0 0 0 0 0 0 0\n`)
      .join(''),
  '/proc/cpuinfo': ({ state, arch }) =>
    state.cpus
      .map(
        ({ id }) =>
          `processor\t: ${id}\nvendor_id\t: rseqlab\nmodel name\t: rseqlab simulated ${arch.name}\ncpu cores\t: ${state.cpus.length}\n\n`,
      )
      .join(''),
  '/proc/meminfo': ({ state, options }) => {
    const free = Math.max(0, options.memoryLimit - state.resident);
    return (
      `MemTotal:${kilobytes(options.memoryLimit)}\nMemFree: ${kilobytes(free)}\n` +
      `MemAvailable:${kilobytes(free)}\nSwapTotal:${kilobytes(0)}\nSwapFree:${kilobytes(0)}\n`
    );
  },
  '/proc/version': ({ options }) => `Linux version ${options.version}-rseqlab\n`,
  '/proc/uptime': ({ state }) => `${(state.clock / 1e9).toFixed(2)} 0.00\n`,
  '/proc/loadavg': ({ state }) => `0.00 0.00 0.00 1/${state.tasks.size} ${state.nextPid - 1}\n`,
  '/proc/filesystems': () => 'nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\n',
  '/proc/mounts': () => 'proc /proc proc rw 0 0\nsysfs /sys sysfs ro 0 0\ntmpfs /tmp tmpfs rw 0 0\n',
  '/proc/sys/kernel/pid_max': () => '4194304\n',
  '/proc/sys/kernel/threads-max': () => '4096\n',
  '/proc/sys/kernel/ngroups_max': () => '65536\n',
  '/proc/sys/kernel/rtsig-max': () => '32\n',
  '/proc/sys/kernel/osrelease': ({ options }) => `${options.version}-rseqlab\n`,
  '/proc/sys/kernel/ostype': () => 'Linux\n',
  '/proc/sys/vm/overcommit_memory': () => '1\n',
  '/proc/sys/vm/max_map_count': () => '65530\n',
  '/proc/sys/vm/mmap_min_addr': () => '65536\n',
  '/proc/sys/fs/pipe-max-size': () => '1048576\n',
  '/sys/kernel/mm/transparent_hugepage/enabled': () => 'always madvise [never]\n',
  '/sys/kernel/mm/transparent_hugepage/hpage_pmd_size': () => '2097152\n',
};

/** Of each CPU. */
const OF_CPU: Readonly<Record<string, (cpu: number) => string>> = {
  online: () => '1\n',
  'topology/core_id': (cpu) => `${cpu}\n`,
  'topology/physical_package_id': () => '0\n',
  'topology/thread_siblings_list': (cpu) => `${cpu}\n`,
};

/** Files of /proc and /sys that belong to no process, by path. */
export function systemFiles({ state }: Kernel): ReadonlyMap<string, Row> {
  const cpus = state.cpus.flatMap(({ id }) =>
    Object.entries(OF_CPU).map(
      ([name, row]) => [`/sys/devices/system/cpu/cpu${id}/${name}`, () => row(id)] as const,
    ),
  );
  return new Map<string, Row>([...Object.entries(ROWS), ...cpus]);
}
