/** How the kernel treats one registration, and what it would refuse. */
import { hex } from '../../abi/address.js';
import { type KernelRules, kernelRules } from '../../abi/kernel-rules.js';
import { explainRegistration, type RegistrationRequest } from '../../abi/registration.js';
import { RSEQ_FLAG_UNREGISTER, RSEQ_ORIG_SIZE } from '../../abi/rseq.js';
import { rseqSignature } from '../../abi/signatures.js';
import type { RunningKernel } from '../../linux/kernel.js';
import type { Judging } from '../../process/fault.js';
import type { RseqConfiguration } from '../../process/process.js';
import type { InspectedRegistration, InspectedThread } from '../../report/inspect-document.js';

/** Threads by the thousand have the same few registrations: each question is answered once. */
function once<T>(answers: Map<string, T>, key: string, answer: () => T): T {
  const known = answers.get(key);
  if (known !== undefined) return known;
  const found = answer();
  answers.set(key, found);
  return found;
}
const keyOf = ({ release, debugRseq }: RunningKernel, ...rest: readonly unknown[]): string =>
  [release, debugRseq, ...rest].join(' ');
const judgings = new Map<string, Judging>();
const modes = new Map<string, Mode>();
const refused = new Map<string, InspectedThread['refuses']>();

/** The rules for a registration of this length; of none, those for length 32. */
export const judging = (kernel: RunningKernel, length: number | undefined): Judging =>
  once(judgings, keyOf(kernel, length), () => judgingOf(kernel, length));

function judgingOf(kernel: RunningKernel, length: number | undefined): Judging {
  const options = { debug: kernel.debugRseq ?? false, arch: 'x86-64' } as const;
  const rules = kernelRules(kernel.release, { ...options, length: length ?? RSEQ_ORIG_SIZE });
  return { rules, classic: kernelRules(kernel.release, options).evaluation === 'every-switch' };
}

type Mode = Pick<InspectedRegistration, 'mode' | 'modeText'>;

/** Rows instead of a ladder: the first that fits. */
const MODES: readonly (Mode & { readonly fits: (it: Judging, byLength: boolean) => boolean })[] = [
  {
    mode: 'classic',
    modeText:
      'rseq_cs is looked at after every switch, and what a program writes to the fields is overwritten',
    fits: ({ classic }) => classic,
  },
  {
    mode: 'v2',
    modeText:
      'rseq_cs is looked at only after an interrupt, and who writes to the fields of the kernel is killed',
    fits: ({ rules }, byLength) => byLength && rules.evaluation === 'interrupted-only',
  },
  {
    mode: 'legacy',
    modeText:
      'length 32: rseq_cs is looked at after every switch, and what a program writes to the fields is overwritten',
    fits: (_, byLength) => byLength,
  },
  {
    mode: 'rewritten',
    modeText:
      'rseq_cs is looked at only after an interrupt, and what a program writes to the fields stays there until the number changes',
    fits: () => true,
  },
];

export const modeOf = (kernel: RunningKernel, length: number): Mode =>
  once(modes, keyOf(kernel, length), () => findMode(kernel, length));

function findMode(kernel: RunningKernel, length: number): Mode {
  const it = judging(kernel, length);
  const byLength = kernelRules(kernel.release).evaluation === 'by-length';
  const { mode, modeText } = MODES.find(({ fits }) => fits(it, byLength))!;
  return { mode, modeText };
}

const SIGNATURE = rseqSignature('x86-64');
/** Where a library might have an area of its own. */
const ELSEWHERE = 0x1000_0000n;

/** What this thread would hear from rseq(2). `featureSize`: what programs take for the length by mistake. */
export const refusals = (
  kernel: RunningKernel,
  registered: RseqConfiguration | undefined,
  rules: KernelRules,
): InspectedThread['refuses'] =>
  once(refused, keyOf(kernel, registered?.length, registered?.signature), () =>
    findRefusals(kernel, registered, rules),
  );

function findRefusals(
  { release }: RunningKernel,
  registered: RseqConfiguration | undefined,
  { featureSize }: KernelRules,
): InspectedThread['refuses'] {
  const { address, length, signature } = registered ?? {
    address: ELSEWHERE,
    length: RSEQ_ORIG_SIZE,
    signature: SIGNATURE,
  };
  const asked: readonly (RegistrationRequest & { readonly call: string })[] =
    registered === undefined
      ? [
          { call: `rseq(area, ${featureSize}, 0, sig)`, address, length: featureSize, flags: 0, signature },
          { call: `rseq(area, 32, UNREGISTER, sig)`, address, length, flags: RSEQ_FLAG_UNREGISTER, signature },
        ]
      : [
          { call: 'rseq(another area, 32, 0, sig)', address: address ^ 64n, length: RSEQ_ORIG_SIZE, flags: 0, signature },
          { call: 'rseq(this area again)', address, length, flags: 0, signature },
          { call: 'rseq(this area, another signature)', address, length, flags: 0, signature: signature ^ 1 },
          { call: `rseq(this area, ${featureSize}, UNREGISTER, sig)`, address, length: featureSize, flags: RSEQ_FLAG_UNREGISTER, signature },
        ]; // biome-ignore format: a table
  return asked.flatMap(({ call, ...request }) => {
    const row = explainRegistration(request, { version: release, ...(registered && { registered }) });
    return row === undefined || row.errno === 'ok' ? [] : [{ call, answer: row.errno, why: row.condition }];
  });
}

export const signatureText = (value: number): string => hex(value >>> 0);
