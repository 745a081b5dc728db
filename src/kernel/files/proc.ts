import type { Kernel } from '../kernel.js';
import type { Process, Task } from '../state.js';
import type { Entry } from './file.js';
import { OF_PROCESS } from './proc-process.js';
import { systemFiles } from './system-files.js';
import type { What } from './what.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);
const made = (content: () => string | Uint8Array, mode = 0o444): What => ({
  kind: 'made',
  mode,
  content: () => {
    const bytes = content();
    return typeof bytes === 'string' ? latin1(bytes) : bytes;
  },
});
const listing = (entries: () => Entry[]): What => ({ kind: 'listing', entries });
const link = (target: string): What => ({ kind: 'magic', target, file: undefined });
const entry =
  (type: Entry['type']) =>
  (name: string | number): Entry => ({ name: `${name}`, type });

/** What a path of /proc or /sys names; undefined where there is nothing of that name. */
export function procAt(kernel: Kernel, task: Task, path: string): What | undefined {
  if (!path.startsWith('/proc') && !path.startsWith('/sys')) return undefined;
  const { state } = kernel;
  const files = systemFiles(kernel);
  const content = files.get(path);
  if (content !== undefined) return made(() => content(kernel));
  if (path === '/proc/self') return link(`/proc/${task.process.pid}`);
  if (path === '/proc/thread-self') return link(`/proc/${task.process.pid}/task/${task.tid}`);
  const [, pid, rest] = /^\/proc\/(\d+)(?:\/(.*))?$/.exec(path) ?? [];
  const process = pid === undefined ? undefined : state.processes.get(Number(pid));
  if (process !== undefined) return ofProcess(kernel, process, rest ?? '');
  const below = [...files.keys()].flatMap((name) =>
    name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : [],
  );
  if (below.length === 0) return undefined;
  return listing(() => {
    const names = new Map(
      below.map((name) => [name.split('/')[0]!, name.includes('/') ? 'd' : '-'] as const),
    );
    const own = path === '/proc' ? [entry('l')('self'), entry('l')('thread-self')] : [];
    const processes = path === '/proc' ? [...state.processes.keys()].map(entry('d')) : [];
    return [...processes, ...own, ...[...names].map(([name, type]) => entry(type)(name))];
  });
}

function ofProcess(kernel: Kernel, process: Process, rest: string): What | undefined {
  if (rest === '') return listing(() => [...topEntries(), entry('d')('task')]);
  if (rest === 'task') return listing(() => process.tasks.map(({ tid }) => entry('d')(tid)));
  const [, tid, below] = /^task\/(\d+)(?:\/(.*))?$/.exec(rest) ?? [];
  if (tid === undefined) return ofThread(kernel, process, process.tasks[0], rest);
  const thread = process.tasks.find((each) => each.tid === Number(tid));
  if (thread === undefined) return undefined;
  return below === undefined ? listing(topEntries) : ofThread(kernel, process, thread, below);
}

const topEntries = (): Entry[] => [
  ...Object.keys(OF_PROCESS).map(entry('-')),
  ...['cwd', 'exe', 'root'].map(entry('l')),
  entry('d')('fd'),
];

/** `thread` is undefined where the process is a zombie. */
function ofThread(
  kernel: Kernel,
  process: Process,
  thread: Task | undefined,
  name: string,
): What | undefined {
  const row = OF_PROCESS[name];
  if (row !== undefined) return thread === undefined ? undefined : made(() => row(kernel, process, thread));
  if (thread === undefined) return undefined;
  if (name === 'exe') return link(process.exe);
  if (name === 'cwd') return link(thread.fs.cwd);
  if (name === 'root') return link('/');
  const { descriptors } = thread.files;
  if (name === 'fd')
    return listing(() =>
      [...descriptors.keys()].filter((fd) => descriptors[fd] !== undefined).map(entry('l')),
    );
  const [, fd] = /^fd\/(\d+)$/.exec(name) ?? [];
  const file = fd === undefined ? undefined : descriptors[Number(fd)]?.file;
  return file === undefined ? undefined : { kind: 'magic', target: file.path, file };
}
