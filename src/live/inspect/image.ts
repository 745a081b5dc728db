/** The threads of an image of `rseqlab checkpoint`: where each stood, where it goes on, and whether this kernel will take it back. */

import { kernelRules } from '../../abi/kernel-rules.js';
import { AT_RSEQ_FEATURE_SIZE } from '../../abi/rseq.js';
import { signalName } from '../../abi/signals.js';
import type { MapImage, ProcessImage, ThreadImage } from '../../checkpoint/image.js';
import { type RunningKernel, runningKernel } from '../../linux/kernel.js';
import { rseqState } from '../../process/rseq.js';
import type {
  InspectedImage,
  InspectedMemory,
  InspectedProcess,
  InspectedResumption,
} from '../../report/inspect-document.js';
import { Unsupported } from '../checkpoint/refusal.js';
import { checkHere } from '../checkpoint/restore.js';
import { glibcOf } from '../glibc.js';
import type { ImageProcess } from '../image.js';
import type { Target, TargetThread } from '../target.js';
import { describeThread, type Seen } from './describe.js';
import { about, callName } from './look.js';
import { modeOf } from './mode.js';

export function inspectImage(target: ImageProcess, kernel: RunningKernel): InspectedProcess {
  const { image } = target;
  const glibc = glibcOf(target.modules, (address, size) => target.read(address, size));
  const seen = target.threads().map((thread, index) => seeThread(target, thread, image.threads[index]!));
  return {
    ...about(target, glibc, [
      ...(target.opened.parent === undefined
        ? []
        : [`some of its memory is in ${target.opened.parent.file}, the image that it was made from`]),
      ...elsewhere(target, image.kernel, kernel, seen),
    ]),
    image: aboutImage(target, kernel),
    threads: seen.map((each) => describeThread(target, glibc, kernel, each)),
  };
}

function seeThread(target: ImageProcess, thread: TargetThread, { registers, section }: ThreadImage): Seen {
  const { rseq, call } = thread;
  const configuration = rseq === 'unasked' ? undefined : rseq;
  const ip = thread.registers!.ip;
  const state = rseqState(target, { rseq: configuration, registers: { ip } });
  const goesOn = registers['rip']!;
  return {
    thread,
    known: 'image',
    note: undefined,
    stopped: undefined,
    asked: undefined,
    configuration,
    state,
    ip,
    threadPointer: thread.threadPointer,
    call: callName(target, call),
    resumes: { ip: goesOn, how: howOf(section?.aborted, goesOn === ip, call !== undefined) },
  };
}

function howOf(aborted: boolean | undefined, same: boolean, inCall: boolean): InspectedResumption['how'] {
  if (aborted !== undefined) return aborted ? 'abort' : 'inside';
  if (!inCall) return 'there';
  return same ? 'EINTR' : 'again';
}

/** What is otherwise on the kernel that judges than on the one that the image was taken on. */
export function elsewhere(
  target: Pick<Target, 'auxv'>,
  from: string | undefined,
  kernel: RunningKernel,
  seen: readonly Pick<Seen, 'configuration'>[],
): string[] {
  const { featureSize } = kernelRules(kernel.release);
  const announced = Number(target.auxv.get(AT_RSEQ_FEATURE_SIZE) ?? 20n);
  const lengths = [...new Set(seen.flatMap(({ configuration }) => configuration?.length ?? []))];
  const changed = lengths.flatMap((length) => {
    if (from === undefined) return [];
    const [then, now] = [modeOf({ release: from, debugRseq: false }, length), modeOf(kernel, length)];
    if (then.mode === now.mode) return [];
    return [
      `a registration of length ${length} was ${then.mode} on Linux ${from} and is ${now.mode} on Linux ${kernel.release}: ${now.modeText}`,
    ];
  });
  const fields =
    announced === featureSize
      ? []
      : [
          announced > featureSize
            ? `its program was told of ${announced} bytes of struct rseq, and Linux ${kernel.release} serves ${featureSize}: fields behind that are not written any more`
            : `its program was told of ${announced} bytes of struct rseq, and Linux ${kernel.release} serves ${featureSize}: it goes on with what it knows`,
        ];
  return [...changed, ...fields];
}

function aboutImage(target: ImageProcess, kernel: RunningKernel): InspectedImage {
  const { image, size } = target;
  const { schema, taken, maps, files, actions, pending, threads } = image;
  return {
    form: schema,
    kernel: image.simulated ? `${image.kernel} (simulated)` : image.kernel,
    taken: new Date(taken * 1000).toISOString(),
    size,
    memory: memoryOf(maps.map((map) => ({ ...map, held: heldOf(map) }))),
    files: { mapped: [...new Set(maps.flatMap(({ file }) => file?.path ?? []))], missing: target.missing },
    descriptors: files.map(({ fd, kind, path }) => ({ fd, kind, path })),
    signals: {
      handled: actions.filter(({ handler }) => handler > IGNORED).map(({ signal }) => signalName(signal)),
      pending: threads.reduce((sum, thread) => sum + thread.pending.length, pending.length),
    },
    refused: kernel.release === runningKernel().release ? refusedHere(image) : null,
  };
}

/** SIG_DFL is 0, SIG_IGN 1. */
const IGNORED = 1n;

/** In this image, not in those that it was made from. */
const heldOf = ({ pieces }: MapImage): number =>
  pieces.reduce((sum, { size, back = 0 }) => sum + (back === 0 ? size : 0), 0);

function refusedHere(image: ProcessImage): string | null {
  try {
    checkHere(image);
    return null;
  } catch (error) {
    if (error instanceof Unsupported) return error.message;
    throw error;
  }
}

interface Held {
  readonly start: bigint;
  readonly end: bigint;
  readonly name: string;
  readonly shared: boolean;
  /** Bytes in the image. */
  readonly held: number;
}

/** Rows instead of a ladder: the first that fits. */
const KINDS: readonly { readonly kind: string; readonly fits: (map: Held) => boolean }[] = [
  { kind: 'of files', fits: ({ name, shared }) => name.startsWith('/') && !shared },
  { kind: 'of shared files', fits: ({ name }) => name.startsWith('/') },
  { kind: 'heap', fits: ({ name }) => name === '[heap]' },
  { kind: 'stack', fits: ({ name }) => name === '[stack]' },
  { kind: 'of the kernel', fits: ({ name }) => /^\[(vdso|vvar|vvar_vclock|vsyscall|uprobes)\]$/.test(name) },
  { kind: 'shared, without a file', fits: ({ shared }) => shared },
  { kind: 'without a file', fits: () => true },
];

export function memoryOf(maps: readonly Held[]): InspectedMemory[] {
  return KINDS.flatMap(({ kind }) => {
    const own = maps.filter((map) => KINDS.find(({ fits }) => fits(map))!.kind === kind);
    if (own.length === 0) return [];
    const sum = (of: (map: Held) => number): number => own.reduce((total, map) => total + of(map), 0);
    return [{ kind, maps: own.length, mapped: sum(({ start, end }) => Number(end - start)), held: sum(({ held }) => held) }]; // biome-ignore format: one line
  });
}
