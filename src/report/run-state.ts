import { hex } from '../abi/address.js';
import { RSEQ } from '../abi/rseq.js';
import { printable } from '../binary/printable.js';
import type { CallView, ProcessView, ThreadView } from '../process/process.js';
import { rseqState } from '../process/rseq.js';
import { callText, seconds } from './event-text.js';
import { sectionLines } from './run-explain.js';
import { instructionAt, type Places } from './run-places.js';

const REGISTERS_A_LINE = 4;

/** Every thread with its registers, its instruction, its section: lines with their ends. */
export function stateText(
  processes: readonly ProcessView[],
  places: (process: ProcessView) => Places,
): string {
  const lines = processes.flatMap((process) => [
    `process ${process.pid} ${printable(process.executable)}`,
    ...process.threads.flatMap((thread) => threadLines(process, thread, places(process))),
  ]);
  return `${lines.join('\n')}\n`;
}

function threadLines(process: ProcessView, thread: ThreadView, places: Places): string[] {
  const { registers, call } = thread;
  const code = instructionAt(process, registers.ip);
  return [
    `thread ${thread.tid} ${printable(thread.name)}: ${thread.state}, CPU ${thread.cpu}${call === undefined ? '' : `, in ${waitText(call)}`}`,
    `  at        ${places.place(registers.ip)}${places.line(registers.ip)}`,
    ...(code === undefined ? [] : [`            ${code.text}`]),
    ...registerLines(registers.values),
    ...rseqLines(process, thread, places),
  ];
}

function registerLines(values: ThreadView['registers']['values']): string[] {
  const cells = values.map(([name, value]) => `${name.padStart(7)} ${value.toString(16).padStart(16, '0')}`);
  return Array.from(
    { length: Math.ceil(cells.length / REGISTERS_A_LINE) },
    (_, index) => `  ${cells.slice(REGISTERS_A_LINE * index, REGISTERS_A_LINE * (index + 1)).join(' ')}`,
  );
}

function rseqLines(process: ProcessView, thread: ThreadView, places: Places): string[] {
  const state = rseqState(process, thread);
  if (state === undefined) return ['  rseq      not registered'];
  const { configuration, area, section } = state;
  const { address, length, signature } = configuration;
  return [
    `  rseq      ${hex(address)}, length ${length}, signature ${hex(signature)}`,
    `            ${area === undefined ? 'cannot be read' : RSEQ.format(area)}`,
    ...(section === undefined ? [] : sectionLines(section, places)),
  ];
}

/** `futex(0x4c82c0, 0, 1) until 1.500000000`. */
export const waitText = (call: CallView): string =>
  `${callText(call.name, call.arguments)}${call.deadline === undefined ? '' : ` until ${seconds(call.deadline)}`}`;

/** Who waits for what, where nobody will ever run again: lines with their ends. */
export function deadlockText(
  processes: readonly ProcessView[],
  places: (process: ProcessView) => Places,
): string {
  const lines = ['rseqlab: deadlock: every thread waits for ever'];
  for (const process of processes)
    for (const thread of process.threads) {
      const { ip } = thread.registers;
      const what = thread.call === undefined ? `is ${thread.state}` : `waits in ${waitText(thread.call)}`;
      lines.push(
        `  thread ${thread.tid} ${printable(thread.name)} (process ${process.pid}) ${what}, at ${places(process).place(ip)}`,
      );
    }
  return `${lines.join('\n')}\n`;
}
