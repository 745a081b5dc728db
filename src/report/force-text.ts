import { printable } from '../binary/printable.js';
import type { ForceDocument } from './force-document.js';
import type { Style } from './style.js';

export function forceText({ verdict, sentence, turns }: ForceDocument, style: Style): string {
  const paint = verdict === 'happened' ? style.error : verdict === 'right' ? style.mark : style.warning;
  const width = Math.max(...turns.map(({ task }) => task.length));
  return [
    `${paint(verdict)}: ${printable(sentence)}`,
    '',
    ...turns.map(({ task, place, text, done }) => {
      const what =
        place === undefined ? 'runs to its end' : `stopped in front of ${printable(place)}: ${text}`;
      const line = `  ${printable(task).padEnd(width)}  ${what}`;
      return done ? line : style.error(`${line}: DID NOT`);
    }),
    '',
  ].join('\n');
}
