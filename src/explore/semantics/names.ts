import { type Addr, hex } from '../../abi/address.js';
import { RSEQ } from '../../abi/rseq.js';
import { demangle } from '../../binary/demangle/index.js';
import type { ProgramImage } from '../../binary/image.js';
import { externStep } from '../../binary/link.js';
import { printable } from '../../binary/printable.js';
import { FS_BASE } from '../../kernel/registers.js';
import { baseIn } from '../../kernel/scenario/boot-program.js';
import { RESULT_STEP } from '../../kernel/scenario/externs.js';
import { variablesAt } from '../../kernel/scenario/thread-local.js';
import { type SourceLines, sourceLine } from '../source.js';
import type { SourceText } from '../timeline.js';
import { WORD } from './watched.js';
import type { World } from './world.js';

/** Names for the addresses of a scenario. */
export class Names {
  /** What is added to the addresses of the image. */
  private readonly base: number;

  constructor(
    private readonly world: World,
    private readonly image: ProgramImage,
    private readonly lines: SourceLines,
  ) {
    this.base = baseIn(world.main.mm, world.main.process.exe, image);
  }

  /** `push+0x12`, or the address. */
  place(ip: number): string {
    const { returnTo, restorer, calls = [] } = this.world.scenario;
    for (const at of [returnTo, ...calls.map((call) => call.returnTo)])
      if (ip >= at && ip < at + (at === returnTo ? externStep(this.world.arch.name) : RESULT_STEP))
        return this.offset('the end of the task', ip - at);
    if (ip >= restorer && ip < restorer + 16) return this.offset('sigreturn', ip - restorer);
    const at = ip - this.base;
    const range = this.image.functionAt(at as Addr);
    if (range?.name !== undefined) return this.offset(named(range.name), at - range.start);
    return this.data(ip) ?? hex(ip);
  }

  /** `counters+0x40`; undefined where nothing is named. */
  data(address: number): string | undefined {
    const at = address - this.base;
    const symbol = this.image.symbols.findLast(
      ({ kind, address, size }) =>
        kind !== 'tls' &&
        kind !== 'section' &&
        address !== undefined &&
        at >= address &&
        at < address + Math.max(1, size),
    );
    if (symbol !== undefined) return this.offset(named(symbol.name), at - symbol.address!);
    const buffer = this.world.scenario.buffers?.find(
      ({ start, size }) => address >= start && address < start + size,
    );
    return buffer && this.offset(buffer.name, address - buffer.start);
  }

  /** Of a word of a task's own: `rseq_cs`, thread-local variables, or the address. */
  own(at: number, area: number | undefined): string {
    const offset = area === undefined ? -1 : at - area;
    const field = RSEQ.fields.findLast((each) => each.offset <= offset);
    if (area === undefined || offset < 0 || offset >= RSEQ.size || field === undefined)
      return this.threadLocal(at) ?? hex(at);
    return field.offset === 0 ? 'cpu_id_start, cpu_id' : field.name;
  }

  /** The thread-local variables in this word. */
  private threadLocal(at: number): string | undefined {
    const { scenario, tasks, windows } = this.world;
    const task = tasks[windows.findIndex(({ start, end }) => at >= start && at < end)];
    const block = scenario.threads ?? this.programThreads;
    if (block === undefined || task === undefined) return undefined;
    const inBlock = at - (Number(task.registers[FS_BASE]) + variablesAt(this.world.arch, block));
    const found = this.image.symbols.filter(
      ({ kind, address, size }) =>
        kind === 'tls' && address !== undefined && address < inBlock + WORD && inBlock < address + size,
    );
    return found.length === 0
      ? undefined
      : found
          .map(({ name, address }) => this.offset(named(name), Math.max(0, inBlock - address!)))
          .join(', ');
  }

  /** Bytes of a thread's variables in an executable. */
  private get programThreads(): { readonly size: number; readonly align: number } | undefined {
    const { tlsBlock } = this.image;
    if (!this.world.linked || tlsBlock === undefined) return undefined;
    const { size, align } = tlsBlock;
    return { size: Math.ceil(size / Math.max(1, align)) * Math.max(1, align), align };
  }

  source(ip: number): SourceText | undefined {
    const line = this.image.lineAt((ip - this.base) as Addr);
    return line && sourceLine(this.lines, line);
  }

  /** The instruction as GNU as writes it, and its length. */
  instruction(ip: number): { text: string; length: number } {
    const { text, length } = this.world.arch.convention.decoder.decode(
      this.world.machine.fetch(BigInt(ip)),
      ip as Addr,
    );
    return { text, length };
  }

  private offset(name: string, offset: number): string {
    return offset === 0 ? name : `${name}+${hex(offset)}`;
  }
}

const named = (symbol: string): string => printable(demangle(symbol));
