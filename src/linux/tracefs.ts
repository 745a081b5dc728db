/**
 * Tracepoints as tracefs describes them. Where it is not mounted, an instance is made that is mounted nowhere (fsopen(2), fsmount(2)): only this
 * process sees it, and it goes with us.
 */
import { readFileSync, statSync } from 'node:fs';
import { isErrno, SystemError, Unavailable } from './errors.js';
import { call } from './libc.js';

/** Field of a tracepoint's record: where its bytes are, counted from the record's first. */
export interface TraceField {
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

export interface Tracepoint {
  /** `rseq:rseq_ip_fixup`. */
  readonly name: string;
  /** perf_event_attr.config; the first 16 bits of each record. */
  readonly id: number;
  readonly fields: ReadonlyMap<string, TraceField>;
}

const MOUNTED = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'];
const FSCONFIG_CMD_CREATE = 6;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;

let folder: string | undefined;

/** Where tracefs can be read. Throws Unavailable. */
function tracefs(): string {
  folder ??= MOUNTED.find(isThere) ?? ownInstance();
  return folder;
}

function isThere(path: string): boolean {
  try {
    statSync(`${path}/events/header_page`);
    return true;
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new Unavailable(
        `${path} may not be read: run as root, or let your group read it: mount -o remount,gid=$(id -g),mode=750 ${path}`,
      );
    return false;
  }
}

function ownInstance(): string {
  try {
    const text = (name: string): Uint8Array => new TextEncoder().encode(`${name}\0`);
    const context = call('fsopen', text('tracefs'), FSOPEN_CLOEXEC);
    call('fsconfig', context, FSCONFIG_CMD_CREATE, 0, 0, 0);
    const mount = call('fsmount', context, FSMOUNT_CLOEXEC, 0);
    call('close', context);
    return `/proc/self/fd/${mount}`;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    throw new Unavailable(
      error.code === 'EPERM'
        ? 'tracefs is not mounted, and only root may look at it then: run as root; or have it mounted (mount -t tracefs -o gid=$(id -g),mode=750 nodev /sys/kernel/tracing), and have CAP_PERFMON, or kernel.perf_event_paranoid=-1'
        : `there is no tracefs (${error.message}): this kernel was built without tracing (CONFIG_FTRACE)`,
    );
  }
}

/** A tracepoint `system:name`; undefined where this kernel has none of that name. Throws Unavailable. */
export function tracepoint(name: string): Tracepoint | undefined {
  const at = `${tracefs()}/events/${name.replace(':', '/')}`;
  let text: string;
  try {
    text = readFileSync(`${at}/format`, 'latin1');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'EACCES', 'EPERM'))
      throw new Unavailable(`${at}/format may not be read: run as root, or make tracefs readable`);
    throw error;
  }
  return { name, ...parseFormat(text) };
}

/** The text of a file `format` (Documentation/trace/events.rst, section 3). */
export function parseFormat(text: string): Omit<Tracepoint, 'name'> {
  const fields = [
    ...text.matchAll(/field:[^;]*?(\w+)(?:\[[^\]]*\])?;\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d);/g),
  ];
  return {
    id: Number(/^ID: (\d+)$/m.exec(text)?.[1]),
    fields: new Map(
      fields.map(([, name, offset, size, signed]) => [
        name!,
        { offset: Number(offset), size: Number(size), signed: signed === '1' },
      ]),
    ),
  };
}
