import { printable } from '../binary/printable.js';
import { plural } from './document.js';
import type { Step, StepDocument, Walk } from './step-document.js';
import type { Style } from './style.js';

/** Each walk: the instructions in the order in which they ran, with the registers that they changed. */
export function stepText({ walks, sections }: StepDocument, style: Style): string {
  if (sections === 0)
    return 'there was no such section to wait for; rseqlab sections FILE lists those of a file\n';
  if (walks.length === 0) return `no thread came to a section: ${plural(sections, 'section')} waited for\n`;
  return walks.map((walk) => walkText(walk, style)).join('\n');
}

function walkText(walk: Walk, style: Style): string {
  const width = Math.max(...walk.steps.map(({ text }) => text.length), 0);
  const file = walk.file.slice(walk.file.lastIndexOf('/') + 1);
  const lines = [
    style.bold(
      `thread ${walk.tid} enters ${printable(walk.function ?? 'a section')} in ${printable(file)}, ${walk.startIp} to ${walk.endIp}`,
    ),
    style.warning(
      `  rseq_cs ${walk.rseqCs} -> 0x0: it is not restarted while it is stepped through, and so it is not atomic: others may come in between`,
    ),
    ...walk.steps.map((step) => stepLine(step, width, style)),
    walk.left === undefined
      ? '  it ended there'
      : `  ${walk.left.ip}  ${walk.left.how === 'commit' ? 'out: committed' : `out by a side exit, to ${printable(walk.left.place)}`}`,
  ];
  if (walk.signals.length > 0) lines.push(`  held back until then: ${walk.signals.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

function stepLine({ ip, text, source, changes }: Step, width: number, style: Style): string {
  const line = source === undefined ? '' : `${printable(source.file)}:${source.line}`;
  const changed = changes
    .map(({ register, before, after }) => `${register} ${before} -> ${after}`)
    .join(', ');
  return `  ${ip}  ${style.bold(text.padEnd(width))}  ${style.dim(line)}${changed === '' ? '' : `  ${changed}`}`.trimEnd();
}
