/**
 * A trace of real processes for ui.perfetto.dev and chrome://tracing: the Trace Event Format in JSON (see explore-perfetto.ts). A track a thread: what
 * an abort has lost as a slice, its causes and place in the arguments; rseq calls, signals, exec as instants; a track a CPU with the aborts on
 * it; a counter of aborts a section.
 */
import { hex } from '../abi/address.js';
import type { Observed } from '../event/observed.js';
import { causesText } from './event-text.js';
import { placeText, sourceText, symbolText } from './trace-text.js';

/** Ids of the tracks of CPUs: no process has these (PID_MAX_LIMIT is 2^22). */
const CPUS = 2 ** 23;

/** Written as events come: the format may end without its closing bracket, and then a trace that was broken off can be read. */
export class TracePerfetto {
  private readonly named = new Set<number>();
  private readonly counts = new Map<string, number>();

  readonly head = '[\n';

  add({ event, process, abort, call }: Observed): string {
    const { tid, cpu } = event;
    const ts = event.time / 1000;
    const lines: unknown[] = [];
    const thread = { pid: process.pid, tid };
    if (!this.named.has(tid)) {
      this.named.add(tid);
      lines.push({ ph: 'M', ...thread, name: 'thread_name', args: { name: process.name } });
      if (tid === process.pid)
        lines.push({ ph: 'M', ...thread, name: 'process_name', args: { name: process.name } });
    }
    const instant = (name: string, cat: string, args: Record<string, unknown> = {}): void =>
      void lines.push({ ph: 'i', s: 't', ...thread, ts, name, cat, args });
    switch (event.kind) {
      case 'abort': {
        if (abort === undefined) break;
        const section = symbolText({ ...abort.section, offset: 0 });
        const args = {
          section: placeText({ ...abort.section, offset: 0 }),
          at: sourceText(abort.at) ?? symbolText(abort.at),
          instruction: abort.at.instruction,
          ip: hex(event.ip),
          causes: causesText(event.causes),
          by: abort.by,
          guess: abort.guess,
        };
        const name = `abort ${section}`;
        if (abort.lost !== undefined) {
          const dur = abort.lost / 1000;
          lines.push({
            ph: 'X',
            ...thread,
            ts: ts - dur,
            dur,
            name: `lost to ${causesText(event.causes)}`,
            cat: 'lost',
            args,
          });
        }
        instant(name, 'abort', args);
        if (!this.named.has(CPUS + cpu)) {
          if (!this.named.has(CPUS))
            lines.push({ ph: 'M', pid: CPUS, tid: CPUS, name: 'process_name', args: { name: 'CPUs' } });
          this.named.add(CPUS).add(CPUS + cpu);
          lines.push({
            ph: 'M',
            pid: CPUS,
            tid: CPUS + 1 + cpu,
            name: 'thread_name',
            args: { name: `cpu ${cpu}` },
          });
        }
        lines.push({ ph: 'i', s: 't', pid: CPUS, tid: CPUS + 1 + cpu, ts, name, cat: 'abort', args });
        const count = (this.counts.get(section) ?? 0) + 1;
        this.counts.set(section, count);
        lines.push({ ph: 'C', pid: process.pid, ts, name: `aborts of ${section}`, args: { value: count } });
        break;
      }
      case 'return':
        instant(`${event.name} = ${event.error ?? event.value}`, 'syscall', { reason: call?.reason });
        break;
      case 'signal':
        instant(`${event.signal} ${event.action}`, 'signal');
        break;
      case 'migrate':
        instant(`cpu ${event.from} ==> ${event.to}`, 'migrate');
        break;
      case 'exec':
        instant(`exec ${event.path}`, 'exec');
        break;
      case 'rseq-update':
        instant(`cpu_id=${event.cpuId} mm_cid=${event.mmCid}`, 'update');
        break;
      case 'switch':
        instant(`==> ${event.to}${event.voluntary ? '' : ' (preempted)'}`, 'switch');
        break;
      case 'syscall':
        if (event.name !== 'rseq') instant(event.name, 'syscall');
        break;
      default:
        break;
    }
    return lines.map((line) => `${JSON.stringify(line)},\n`).join('');
  }

  /** The last event, without a comma behind it. */
  end(version: string, lost: number): string {
    return `${JSON.stringify({ ph: 'M', pid: CPUS, tid: CPUS, name: 'process_labels', args: { labels: `rseqlab ${version}, ${lost} records lost` } })}\n]\n`;
  }
}
