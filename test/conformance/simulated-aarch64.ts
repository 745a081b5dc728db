import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MEASURED } from './columns.js';
import { runSimulated } from './simulated.js';

interface Measured {
  readonly release: string;
  readonly architecture: string;
  readonly debug: boolean;
  /** By row, where it is not what Linux 6.18 says on x86-64. */
  readonly differs: Readonly<Record<string, string>>;
  readonly unasked: readonly string[];
}

const measured = JSON.parse(
  readFileSync(new URL('measured.json', import.meta.url), 'utf8'),
) as readonly Measured[];

/** Stable releases that took what a later version brought: 6.12.111 has fd881d0a085f ("rseq: Fix segfault on registration when rseq_cs is non-zero"). */
const RULES_OF: Readonly<Record<string, string>> = { '6.12.111': '6.15' };
/** Of 6.19, rows in which a thread dies once it comes to another CPU, which is the schedule's choice: both were measured. */
const BY_CHANCE: readonly string[] = [
  'violation.area-read-only',
  'violation.area-no-access',
  'violation.area-unmapped',
];
/** Instructions: rows that end do so within a fraction, but for the one that waits ten milliseconds. */
const patienceOf = (id: string): number => (id === 'abort.timer' ? 15_000_000 : 3_000_000);

/** Debian's arm64 kernels, asked in an emulated machine (kernels/run.sh): those whose release begins so. */
export function holdsToArm64(...releases: readonly string[]): void {
  describe.each(
    measured.filter(
      ({ architecture, release }) =>
        architecture === 'aarch64' && releases.some((each) => release.startsWith(each)),
    ),
  )('the simulated kernel answers as arm64 $release', ({ release, debug, differs, unasked }) => {
    const [version] = /^[\d.]+/.exec(release)!;
    const kernel = RULES_OF[version] ?? version;
    const ids = new Set([...Object.keys(MEASURED), ...Object.keys(differs)]);
    const rows = [...ids].filter((id) => !unasked.includes(id) && !BY_CHANCE.includes(id));

    it.each(rows)('%s', (id) => {
      const simulated = runSimulated(id, {
        architecture: 'aarch64',
        kernel,
        debugRseq: debug,
        patience: patienceOf(id),
      });
      expect(simulated.replace(/^hangs .*/, 'hangs')).toBe(differs[id] ?? MEASURED[id]);
    });
  });
}
