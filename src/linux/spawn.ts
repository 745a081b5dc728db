import { accessSync, closeSync, constants, statSync, writeSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SIG } from '../abi/signals.js';
import { SystemError } from './errors.js';
import { checkFormat } from './format.js';
import { call, posixSpawn, tryCall } from './libc.js';
import { executableOf, openFilesOf, threadStat } from './procfs.js';
import { type FirstCall, PR_SET_PDEATHSIG, stubImage } from './stub.js';
import { waitFor } from './wait.js';

/** Bytes of struct sigaction as the kernel takes it: SIG_DFL, no flags. */
const DEFAULT_ACTION = new Uint8Array(32);
const SIG_SETMASK = 2;
const F_SETFD = 2;

/** The file that a shell would run. Throws SystemError: ENOENT, EACCES. */
export function findProgram(name: string, path = process.env['PATH'] ?? '/usr/bin:/bin'): string {
  const candidates = name.includes('/') ? [name] : path.split(delimiter).map((folder) => join(folder, name));
  let error = new SystemError(`exec of ${name}`, 2);
  for (const file of candidates) {
    try {
      if (!statSync(file).isFile()) throw new SystemError(`exec of ${name}`, 13);
      accessSync(file, constants.X_OK);
      return file;
    } catch (found) {
      if ((found as { code?: string }).code !== 'ENOENT') error = new SystemError(`exec of ${name}`, 13);
    }
  }
  throw error;
}

/**
 * Starts a process that is to run `args`, and returns its id while it is stopped by a SIGSTOP, in front of exec(2): the time to attach to it, or to open
 * what is to count it. It goes on with SIGCONT, makes `calls`, and becomes the program; where one of these fails it exits with the errno.
 * Standard streams, directory, environment and process group are ours. The calling thread is its parent for wait4(2). Throws SystemError, Unavailable.
 */
export function startStopped(
  args: readonly string[],
  calls: readonly FirstCall[] = [],
  environment: NodeJS.ProcessEnv = process.env,
): number {
  const program = findProgram(args[0]!);
  checkFormat(program, args[0]!);
  const image = stubImage([
    // From here on it lives without us.
    { name: 'prctl', arguments: [PR_SET_PDEATHSIG, 0] },
    // What Node ignores (SIGPIPE, SIGXFSZ), and glibc's posix_spawn (signals of its own), its children should not.
    ...[SIG.SIGPIPE, SIG.SIGXFSZ, 32, 33].map((signal) => ({
      name: 'rt_sigaction',
      arguments: [signal, DEFAULT_ACTION, 0, 8],
    })),
    ...openFiles(),
    { name: 'rt_sigprocmask', arguments: [SIG_SETMASK, new Uint8Array(8), 0, 8] },
    ...calls,
  ]);
  const MFD_CLOEXEC = 1;
  const fd = call('memfd_create', new TextEncoder().encode('rseqlab\0'), MFD_CLOEXEC);
  try {
    writeSync(fd, image);
    // Node marks the standard streams as closed on exec (uv_disable_stdio_inheritance).
    for (const stream of [0, 1, 2]) tryCall('fcntl', stream, F_SETFD, 0);
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const pid = unheard(() => posixSpawn(`/proc/self/fd/${fd}`, ['rseqlab', program, ...args], variables));
    const stop = waitFor(pid);
    if (stop?.kind !== 'signal') throw new SystemError(`start of ${args[0]}`, 3);
    return pid;
  } finally {
    closeSync(fd);
  }
}

const RLIMIT_NOFILE = 7;
/** More generations up nobody looks. */
const ANCESTORS = 8;

/** Node raises its limit of open files to the hard one, for its children too: they get that of the one who has started Node. */
function openFiles(): FirstCall[] {
  const own = openFilesOf(process.pid);
  for (let pid = process.ppid, n = 0; pid > 1 && n < ANCESTORS; pid = threadStat(pid)?.parent ?? 0, n++) {
    if (executableOf(pid) === process.execPath) continue;
    const limit = openFilesOf(pid);
    if (own === undefined || limit === undefined || limit.hard < own.soft || limit.soft >= own.soft)
      return [];
    return [
      {
        name: 'prlimit64',
        arguments: [
          0,
          RLIMIT_NOFILE,
          new Uint8Array(BigUint64Array.of(BigInt(limit.soft), BigInt(own.hard)).buffer),
          0,
        ],
      },
    ];
  }
  return [];
}

/** Its children block what this thread blocks: a Ctrl-C in the moment in which one comes to its stop waits until it goes on. */
function unheard(action: () => number): number {
  const before = new Uint8Array(8);
  call('rt_sigprocmask', SIG_SETMASK, new Uint8Array(8).fill(0xff), before, 8);
  try {
    return action();
  } finally {
    call('rt_sigprocmask', SIG_SETMASK, before, 0, 8);
  }
}

/** Lets a process of startStopped go on. */
export const go = (pid: number): boolean => tryCall('kill', pid, SIG.SIGCONT) === 0;
