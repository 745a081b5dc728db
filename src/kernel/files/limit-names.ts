/** RLIMIT_* by number, as /proc/PID/limits prints them (lnames in fs/proc/base.c). */
export const LIMIT_NAMES = [
  { name: 'Max cpu time', unit: 'seconds' },
  { name: 'Max file size', unit: 'bytes' },
  { name: 'Max data size', unit: 'bytes' },
  { name: 'Max stack size', unit: 'bytes' },
  { name: 'Max core file size', unit: 'bytes' },
  { name: 'Max resident set', unit: 'bytes' },
  { name: 'Max processes', unit: 'processes' },
  { name: 'Max open files', unit: 'files' },
  { name: 'Max locked memory', unit: 'bytes' },
  { name: 'Max address space', unit: 'bytes' },
  { name: 'Max file locks', unit: 'locks' },
  { name: 'Max pending signals', unit: 'signals' },
  { name: 'Max msgqueue size', unit: 'bytes' },
  { name: 'Max nice priority', unit: '' },
  { name: 'Max realtime priority', unit: '' },
  { name: 'Max realtime timeout', unit: 'us' },
] as const;
