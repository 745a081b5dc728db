/** The kernel that runs here. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { compareVersions } from '../abi/kernel-rules.js';

export interface RunningKernel {
  /** As uname(2) says it. */
  readonly release: string;
  /** rseq debugging; undefined: it cannot be told without more permission, and is most likely off. */
  readonly debugRseq: boolean | undefined;
}

let known: RunningKernel | undefined;

export function runningKernel(): RunningKernel {
  known ??= { release: release(), debugRseq: debugging(release()) };
  return known;
}

/** CONFIG_DEBUG_RSEQ up to 6.18; since 6.19 a switch in debugfs, whose beginning a boot parameter sets (kernel/rseq.c). */
function debugging(version: string): boolean | undefined {
  if (compareVersions(version, '6.19') < 0) return configured(version);
  const text = read('/sys/kernel/debug/rseq/debug');
  if (text !== undefined) return /^[1Y]/.test(text);
  const parameter = /(?:^| )rseq_debug=(\S+)/.exec(read('/proc/cmdline') ?? '')?.[1];
  return parameter === undefined ? undefined : /^(1|y|on)/i.test(parameter);
}

function configured(version: string): boolean | undefined {
  const config = zipped('/proc/config.gz') ?? read(`/boot/config-${version}`);
  return config === undefined ? undefined : /^CONFIG_DEBUG_RSEQ=y$/m.test(config);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function zipped(path: string): string | undefined {
  try {
    return gunzipSync(readFileSync(path)).toString();
  } catch {
    return undefined;
  }
}
