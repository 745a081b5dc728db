/** The threads in a directory of CRIU's images: what was registered, whether CRIU has moved a thread to its abort handler, and whether this kernel takes it back. */
import type { RunningKernel } from '../../linux/kernel.js';
import { type RseqState, rseqState, sectionState } from '../../process/rseq.js';
import type { InspectedProcess, InspectedResumption } from '../../report/inspect-document.js';
import type { CriuImages, CriuProcess, CriuThread } from '../criu.js';
import { glibcOf } from '../glibc.js';
import { describeThread, type Seen } from './describe.js';
import { elsewhere, memoryOf } from './image.js';
import { about } from './look.js';

const NO_FLAGS =
  "CRIU's images have no flags of a registration: it is made again with none, and a time slice extension (Linux 7.0) is off then";

export const inspectCriu = (images: CriuImages, kernel: RunningKernel): InspectedProcess[] =>
  images.processes.map((process) => inspectOne(images, process, kernel));

function inspectOne(images: CriuImages, target: CriuProcess, kernel: RunningKernel): InspectedProcess {
  const glibc =
    target.architecture === 'x86-64'
      ? glibcOf(target.modules, (address, size) => target.read(address, size))
      : undefined;
  const seen = target.threads().map((thread) => seeThread(target, thread));
  return {
    ...about(target, glibc, [
      ...(seen.some(({ configuration }) => configuration !== undefined) ? [NO_FLAGS] : []),
      ...elsewhere(target, undefined, kernel, seen),
    ]),
    image: {
      form: "CRIU's images, version 1.1",
      kernel: null,
      taken: null,
      size: images.size,
      memory: memoryOf(target.maps.map((map) => ({ ...map, held: target.held(map) }))),
      files: { mapped: target.files, missing: target.memory.missing },
      descriptors: null,
      signals: null,
      refused: null,
    },
    threads: seen.map((each) => describeThread(target, glibc, kernel, each)),
  };
}

function seeThread(target: CriuProcess, thread: CriuThread): Seen {
  const { rseq, registers } = thread;
  const { ip } = registers;
  const found = rseqState(target, { rseq, registers });
  const { state, how, note } = found === undefined ? { state: found, how: 'there' as const, note: undefined } : sectionOf(target, thread, found); // biome-ignore format: one line
  return {
    thread,
    known: 'image',
    note,
    stopped: undefined,
    asked: undefined,
    configuration: rseq,
    state,
    ip,
    threadPointer: thread.threadPointer,
    call: undefined,
    resumes: { ip, how },
  };
}

interface Found {
  readonly state: RseqState;
  readonly how: InspectedResumption['how'];
  readonly note: string | undefined;
}

/** CRIU keeps no word of where a thread stood in its section: it stands at the abort handler, and rseq_cs may have been cleared by then (cr-dump.c fixup_thread_rseq). */
function sectionOf(target: CriuProcess, { registers: { ip }, putBack }: CriuThread, state: RseqState): Found {
  const { section } = state;
  const armed = section?.descriptor;
  if (section?.inside) return { state, how: 'inside', note: undefined };
  if (armed !== undefined && armed.abort_ip === ip) return { state, how: 'abort', note: undefined };
  if (putBack !== undefined) {
    const again = sectionState(target, putBack, ip);
    const note = 'CRIU lets rseq_cs lead there again: the section has NO_RESTART_ON_SIGNAL';
    return { state: { ...state, section: again }, how: again.inside ? 'inside' : 'there', note };
  }
  const known = target.modules.sections.find(({ abort }) => abort === ip);
  if (known?.descriptor === undefined) return { state, how: 'there', note: undefined };
  const note =
    'it stands at the abort handler of this section with rseq_cs NULL: CRIU has moved it there, or the kernel had';
  return { state: { ...state, section: sectionState(target, known.descriptor, ip) }, how: 'abort', note };
}
