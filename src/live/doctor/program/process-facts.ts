import { RSEQ_ORIG_SIZE } from '../../../abi/rseq.js';
import { rseqSignature } from '../../../abi/signatures.js';
import { printable } from '../../../binary/printable.js';
import type { RunningKernel } from '../../../linux/kernel.js';
import { procText } from '../../../linux/procfs.js';
import type { InspectedRegistration } from '../../../report/inspect-document.js';
import { glibcOf } from '../../glibc.js';
import { inspectProcess } from '../../inspect/look.js';
import type { Modules } from '../../modules.js';
import { LiveProcess, shortName } from '../../process.js';
import type { FileFacts, ProcessFacts, ProgramFacts, RegistrationFacts } from './facts.js';
import { fileFacts } from './files.js';

/** What is known of a thread. */
export interface SeenThread {
  readonly known: boolean;
  readonly registration:
    | {
        readonly address: bigint;
        readonly length: number;
        readonly signature: number;
        readonly owner: InspectedRegistration['owner'];
      }
    | undefined;
}

/** What is so of a process that runs. Threads that stand still are asked by a short stop, where that does no harm. Throws Refused. */
export function processFacts(pid: number, kernel: RunningKernel): ProgramFacts {
  const target = new LiveProcess(pid);
  const { threads } = inspectProcess(target, { stop: false, kernel });
  return programFacts(
    target,
    threads.map(({ known, registration }) => ({
      known: known !== 'unknown',
      registration:
        registration === null
          ? undefined
          : {
              address: BigInt(registration.address),
              length: registration.length,
              signature: Number(registration.signature),
              owner: registration.owner,
            },
    })),
  );
}

/** The same, of threads that somebody has looked at. */
export function programFacts(target: LiveProcess, threads: readonly SeenThread[]): ProgramFacts {
  const { modules } = target;
  const files = filesOf(modules);
  const process = factsOf(target, threads);
  return {
    name: printable(shortName(target.executable)),
    process,
    files,
    looked: modules.modules.length,
    notes: notesOf(process, files, modules),
  };
}

function filesOf(modules: Modules): FileFacts[] {
  return modules.modules.flatMap(({ file, name }) => {
    const { findings } = file;
    return findings === undefined || isLibc(name) ? [] : (fileFacts(findings, shortName(name)) ?? []);
  });
}

/** glibc registers, and writes the fields of an area that is refused; it has no sections. */
const isLibc = (name: string): boolean => /^(libc|ld-linux[^/]*|ld)[.-]/.test(shortName(name));

function factsOf(target: LiveProcess, threads: readonly SeenThread[]): ProcessFacts {
  const glibc = glibcOf(target.modules, (at, size) => target.read(at, size));
  const registrations = new Map<string, RegistrationFacts>();
  for (const { registration } of threads) {
    if (registration === undefined) continue;
    const { address, length, signature, owner } = registration;
    const key = `${length} ${signature} ${owner.kind === 'glibc' ? '' : owner.text}`;
    registrations.set(key, {
      threads: (registrations.get(key)?.threads ?? 0) + 1,
      address,
      length,
      signature,
      byGlibc: owner.kind === 'glibc',
      owner: owner.kind === 'glibc' ? 'glibc' : owner.text.replace(/^not glibc: /, ''),
    });
  }
  return {
    pid: target.pid,
    threads: threads.length,
    registrations: [...registrations.values()],
    unregistered: threads.filter(({ known, registration }) => known && registration === undefined).length,
    unknown: threads.filter(({ known }) => !known).length,
    glibc: glibc && { version: versionOf(target), size: glibc.size },
    tunables: tunablesOf(target.pid),
  };
}

const tunablesOf = (pid: number): string | undefined =>
  (procText(`${pid}/environ`) ?? '')
    .split('\0')
    .find((each) => each.startsWith('GLIBC_TUNABLES='))
    ?.slice('GLIBC_TUNABLES='.length);

/** Bytes that are searched at once. */
const CHUNK = 1 << 20;

/** Of the banner that glibc holds: `GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.` */
function versionOf(target: LiveProcess): string | undefined {
  const banner = /GNU C Library [^\n]{0,120}? release version (\d+\.\d+)/;
  const holder =
    target.modules.modules.find(({ name }) => /\/libc[.-]/.test(name)) ?? target.modules.modules[0];
  for (const map of target.maps) {
    if (holder === undefined || map.start < holder.start || map.end > holder.end || map.writable) continue;
    for (let at = map.start; at < map.end; at += BigInt(CHUNK)) {
      const size = Number(map.end - at < BigInt(CHUNK) ? map.end - at : BigInt(CHUNK));
      const found = banner.exec(Buffer.from(target.read(at, size) ?? []).toString('latin1'));
      if (found !== null) return found[1];
    }
  }
  return undefined;
}

function notesOf(process: ProcessFacts, files: readonly FileFacts[], modules: Modules): string[] {
  const { registrations, glibc, tunables } = process;
  const notes: string[] = [];
  const off = /(?:^|:)glibc\.pthread\.rseq=0(?:$|:)/.test(tunables ?? '');
  const own = files.filter(({ area }) => area === 'own');
  const withGlibc = files.filter(({ area }) => area === 'glibc');
  if (own.length > 0 && registrations.some(({ byGlibc }) => byGlibc))
    notes.push(
      `two want to register: glibc was first, so ${names(own)} is refused (EINVAL) and does without rseq; GLIBC_TUNABLES=glibc.pthread.rseq=0 lets it`,
    );
  if (own.length > 1)
    notes.push(`${names(own)} each have an area of their own: a thread can register one only`);
  if (withGlibc.length > 0 && glibc !== undefined && glibc.size === 0)
    notes.push(
      `${names(withGlibc)} relies on glibc's registration, and there is none${off ? ': GLIBC_TUNABLES switches it off' : ''}`,
    );
  if (withGlibc.length > 0 && glibc === undefined && modules.modules.length > 1)
    notes.push(
      `${names(withGlibc)} refers to __rseq_offset, which nothing here defines (glibc 2.35 and newer does): it finds no area, and does without rseq`,
    );
  if (files.length > 0 && registrations.length === 0 && process.unknown === 0)
    notes.push('no thread has registered rseq: sections are not used, or not protected');
  const usual = rseqSignature('x86-64', true)!;
  if (registrations.some(({ byGlibc, length }) => !byGlibc && length < RSEQ_ORIG_SIZE))
    notes.push(`a registration of less than ${RSEQ_ORIG_SIZE} bytes`);
  if (registrations.some(({ signature }) => signature !== usual))
    notes.push(
      'a signature that is not the usual RSEQ_SIG is registered: libraries with sections of the usual one die in them',
    );
  return notes;
}

const names = (files: readonly FileFacts[]): string => files.map(({ name }) => name).join(' and ');
