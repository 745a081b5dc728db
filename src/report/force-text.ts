import { printable } from '../binary/printable.js';
import type { ForceDocument } from './force-document.js';
import type { Style } from './style.js';

export function forceText({ verdict, sentence, turns }: ForceDocument, style: Style): string {
  const paint = verdict === 'happened' ? style.error : verdict === 'right' ? style.mark : style.warning;
  const width = Math.max(...turns.map(({ task }) => task.length));
  return [
    `${paint(verdict)}: ${printable(sentence)}`,
    '',
    ...turns.map(({ task, place, text, cpu, signal, spins, done }) => {
      const first = signal === undefined ? '' : `gets ${signal}, `;
      const how = spins ? 'waits, undisturbed,' : 'stopped';
      const what =
        place === undefined
          ? 'runs to its end'
          : `${how} in front of ${printable(place)}${text === undefined ? '' : `: ${text}`}`;
      const where = cpu === undefined ? '' : `cpu ${cpu}  `;
      const line = `  ${printable(task).padEnd(width)}  ${where}${first}${what}`;
      return done ? line : style.error(`${line}: DID NOT`);
    }),
    '',
  ].join('\n');
}
