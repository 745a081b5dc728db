// Makes ../measured.json of what run.sh has written: measure.js OUT[:debug]... Of each kernel, what it answers otherwise than 6.18.
import { readFileSync, writeFileSync } from 'node:fs';

const at = (name) => new URL(name, import.meta.url);
const usual = JSON.parse(readFileSync(at('../expected-6.18.json'), 'utf8'));
const SIGNALS = { 5: 'SIGTRAP', 10: 'SIGUSR1', 11: 'SIGSEGV', 14: 'SIGALRM' };
const SKIPPED = 77;

/** As real.ts puts it; who was killed by us hung. */
function result(status, text) {
  const parts = text.trim() === '' ? [] : [text.trim()];
  const signal = status & 0x7f;
  if (signal === 9) parts.push('hangs');
  else if (signal !== 0) parts.push(`killed by ${SIGNALS[signal] ?? signal}`);
  else if (status !== 0 && status >> 8 !== SKIPPED) parts.push(`exit ${status >> 8}`);
  return parts.join('; ');
}

const kernels = process.argv.slice(2).map((argument) => {
  const [file, debug] = argument.split(':');
  const text = readFileSync(file, 'latin1').replaceAll('\r', '');
  const [, release, machine] = /@@ release (\S+)(?: (\S+))?$/m.exec(text);
  if (!text.includes('@@ done')) throw new Error(`${file}: not all rows`);
  const rows = [...text.matchAll(/^@@ (\S+)\t(\d+)\t(.*)$/gm)].map(([, id, status, said]) => [
    id,
    result(Number(status), said),
  ]);
  return {
    release,
    architecture: machine === 'aarch64' || release.endsWith('arm64') ? 'aarch64' : 'x86-64',
    debug: debug === 'debug',
    // The answers of every row that was asked would be as long as the table of 6.18.
    asked: rows.length,
    differs: Object.fromEntries(rows.filter(([id, said]) => usual[id] !== said)),
    unasked: Object.keys(usual).filter((id) => !rows.some(([asked]) => asked === id)),
  };
});
writeFileSync(at('../measured.json'), `${JSON.stringify(kernels, null, 2)}\n`);
