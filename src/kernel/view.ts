import type { MapView, ProcessView, Registers, ThreadView } from '../process/process.js';
import type { Kernel } from './kernel.js';
import { areaName, endOf } from './mm/areas.js';
import { seeMemory } from './mm/forced.js';
import { RIP } from './registers.js';
import type { Area, Mm, Process, Task } from './state.js';

/** The processes of the simulated Linux that still have threads, by number. */
export function processViews(kernel: Kernel): ProcessView[] {
  return [...kernel.state.processes.values()]
    .filter(({ tasks }) => tasks.some(({ state }) => state !== 'dead'))
    .map((process) => processView(kernel, process));
}

export function processView(kernel: Kernel, process: Process): ProcessView {
  const { mm } = process.tasks[0]!;
  return {
    pid: process.pid,
    executable: process.exe,
    architecture: kernel.arch.name,
    threads: process.tasks.filter(({ state }) => state !== 'dead').map((task) => threadView(kernel, task)),
    maps: mm.areas.map((area) => mapView(mm, area)),
    read: (address, size) =>
      address + BigInt(size) > BigInt(endOf(mm)) ? undefined : seeMemory(kernel, mm, Number(address), size),
  };
}

export function threadView(kernel: Kernel, task: Task): ThreadView {
  const { rseq, wait } = task;
  const number = Number(BigInt.asUintN(32, task.call));
  return {
    tid: task.tid,
    name: task.name,
    cpu: task.cpu,
    state: stateOf(kernel, task),
    registers: registersOf(kernel, task),
    rseq:
      rseq.pointer === 0n
        ? undefined
        : { address: rseq.pointer, length: rseq.length, signature: rseq.signature, flags: rseq.flags },
    call:
      wait === undefined
        ? undefined
        : { number, name: kernel.syscallName(number), arguments: wait.arguments, deadline: wait.deadline },
  };
}

function stateOf(kernel: Kernel, task: Task): ThreadView['state'] {
  if (task.state === 'stopped') return 'stopped';
  if (task.state === 'blocked') return 'waiting';
  return kernel.state.cpus[task.cpu]?.current === task ? 'running' : 'ready';
}

function registersOf({ arch }: Kernel, task: Task): Registers {
  return { ip: task.registers[RIP]!, sp: task.registers[arch.stackPointer]!, values: arch.named(task) };
}

const mapView = (mm: Mm, area: Area): MapView => {
  const { start, end, protection, shared, offset } = area;
  return {
    start: BigInt(start),
    end: BigInt(end),
    readable: (protection & 1) !== 0,
    writable: (protection & 2) !== 0,
    executable: (protection & 4) !== 0,
    shared,
    offset,
    name: areaName(mm, area),
  };
};
