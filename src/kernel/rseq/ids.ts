import { RSEQ_CPU_ID_UNINITIALIZED } from '../../abi/rseq.js';
import type { Kernel } from '../kernel.js';
import type { RseqIds, Task } from '../state.js';
import { readField, SLICE_CTRL, writeField } from './area.js';
import { modeOf } from './mode.js';
import { Violation } from './violation.js';

/** The simulated machine has one NUMA node. */
const NODE = 0;
const NAMES = [
  ['cpuIdStart', 'cpu_id_start'],
  ['cpuId', 'cpu_id'],
  ['nodeId', 'node_id'],
  ['mmCid', 'mm_cid'],
] as const;

/** Before registration, and after it has ended. */
export const NO_IDS: RseqIds = {
  cpuIdStart: RSEQ_CPU_ID_UNINITIALIZED,
  cpuId: RSEQ_CPU_ID_UNINITIALIZED,
  nodeId: 0,
  mmCid: 0,
};

/** Fields of this kernel's struct: node_id and mm_cid came with feature size 28. */
const fieldsOf = (kernel: Kernel) => (kernel.rules.featureSize < 28 ? NAMES.slice(0, 2) : NAMES);

/** Up to 6.18 rseq_update_cpu_node_id(), since 6.19 rseq_set_ids_get_csaddr(). Throws Violation, or EFAULT. */
export function updateIds(kernel: Kernel, task: Task): void {
  const { rseq } = task;
  const { slice, classic } = modeOf(kernel, rseq);
  compareIds(kernel, task);
  const before = rseq.ids;
  putIds(kernel, task, { cpuIdStart: task.cpu, cpuId: task.cpu, nodeId: NODE, mmCid: task.mmCid });
  if (!classic && slice) writeField(kernel, task, SLICE_CTRL, 0);
  rseq.slice.granted = false;
  if (before.cpuId !== rseq.ids.cpuId || before.mmCid !== rseq.ids.mmCid)
    kernel.emit(task, { kind: 'rseq-update', cpuId: task.cpu, nodeId: NODE, mmCid: task.mmCid });
}

/** Writes the fields, and notes what they are. */
export function putIds(kernel: Kernel, task: Task, ids: RseqIds): void {
  for (const [name, field] of fieldsOf(kernel)) writeField(kernel, task, field, ids[name]);
  task.rseq.ids = ids;
}

/** The fields as they are in memory. */
export function getIds(kernel: Kernel, task: Task): RseqIds {
  const ids: { -readonly [K in keyof RseqIds]: number } = { ...NO_IDS };
  for (const [name, field] of fieldsOf(kernel)) ids[name] = readField(kernel, task, field);
  return ids;
}

/**
 * Are the fields as the kernel left them? With debug 6.15 to 6.18 print (rseq_validate_ro_fields); since 6.19 with debug, and 7.1 for what is
 * longer than 32 bytes, the thread is killed.
 */
export function compareIds(kernel: Kernel, task: Task): void {
  const { kernelFields } = modeOf(kernel, task.rseq);
  if (kernelFields !== 'reported' && kernelFields !== 'enforced') return;
  const found = getIds(kernel, task);
  const expected = task.rseq.ids;
  const wrong = NAMES.filter(([name]) => found[name] !== expected[name]);
  if (wrong.length === 0) return;
  const text = wrong.map(([name, field]) => `${field} is ${found[name]}, not ${expected[name]}`).join(', ');
  if (kernelFields === 'enforced')
    throw new Violation('kernel-field', `the program has written to struct rseq: ${text}`);
  const lines = NAMES.map(
    ([name, field]) => `\t${`${field}:`.padEnd(13)} ${found[name]} ?= ${expected[name]}`,
  );
  kernel.emit(task, {
    kind: 'log',
    text: [`Detected rseq corruption for pid: ${task.tid}, name: ${task.name}`, ...lines].join('\n'),
  });
}
