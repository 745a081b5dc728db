import { wordMeaning } from '../../../src/isa/aarch64/meaning/index.js';
import type { Trap } from '../../../src/isa/meaning.js';
import { TRAPS } from '../../../src/machine/imports.js';
import { Interpreter } from '../../../src/machine/interpreter.js';
import { Machine } from '../../../src/machine/machine.js';
import { PageFault } from '../../../src/machine/page-fault.js';
import { PAGE, STATE } from '../../../src/machine/state.js';
import { stepFunction } from '../../../src/machine/step-code.js';
import { AHEAD, type Case, CODE, DATA, DATA_SIZE, PAGE_START, type Result } from './native.js';

const SIGNALS: Readonly<Partial<Record<Trap, number>>> = { undefined: 4, brk: 5, alignment: 7 };

/** A machine for cases, and one whose instructions are interpreted where they can be. */
export class Simulation {
  readonly machine = new Machine();
  private readonly interpreter = new Interpreter(this.machine);
  interpreted = 0;

  constructor() {
    this.machine.architecture = 'aarch64';
    this.machine.protect(PAGE_START, 4096, PAGE.READ | PAGE.WRITE);
  }

  /** The results of translated code. */
  translated(cases: readonly Case[]): (Result | undefined)[] {
    const meanings = cases.map(({ words }) =>
      words.map((word, n) => wordMeaning(word, BigInt(CODE + 4 * n))),
    );
    const steps = this.machine.compile(meanings.flat().map((meaning) => stepFunction(meaning)));
    let first = 0;
    return cases.map((one) => {
      const own = steps.slice(first, first + one.words.length);
      first += one.words.length;
      return this.run(one, (n) => {
        const result = own[n]!();
        return result === 0 ? undefined : TRAPS[result - 1]!;
      });
    });
  }

  /** The same interpreted; undefined where the interpreter does not know an instruction. */
  interpretedCase(one: Case): Result | undefined {
    return this.run(one, (n) => {
      const at = BigInt(CODE + 4 * n);
      const out = this.interpreter.run(at, wordMeaning(one.words[n]!, at));
      this.interpreter.finish();
      return out === 'done' ? undefined : out;
    });
  }

  private run(one: Case, step: (n: number) => Trap | undefined): Result | undefined {
    const { machine } = this;
    for (const [number, value] of one.registers.entries()) machine.setRegister(number, value);
    machine.nzcv = one.nzcv;
    machine.clearMonitor();
    machine.view.setUint32(STATE.fpcr, one.fpcr, true);
    machine.view.setUint32(STATE.fpsr, one.fpsr, true);
    const vectors = new DataView(one.vectors.buffer, one.vectors.byteOffset);
    const half = (at: number): bigint => vectors.getBigUint64(at, true);
    for (let n = 0; n < 32; n++) machine.setXmm(n, half(16 * n) | (half(16 * n + 8) << 64n));
    machine.write(DATA, one.data);
    machine.rip = BigInt(CODE);
    const ends = new Map([
      [CODE + 4 * one.words.length, 0],
      [CODE + AHEAD, 1],
    ]);
    for (;;) {
      const pc = Number(machine.rip);
      const end = ends.get(pc);
      if (end !== undefined) return this.result(end, 0n);
      const n = (pc - CODE) / 4;
      if (one.words[n] === undefined) throw new Error(`went to ${pc.toString(16)}`);
      try {
        const trap = step(n);
        if (trap === 'unsupported') return undefined;
        if (trap === undefined) continue;
        const signal = SIGNALS[trap];
        if (signal === undefined) throw new Error(trap);
        const base = machine.register((one.words[n]! >>> 5) & 31);
        return this.result(256 + signal, trap === 'alignment' ? base : machine.rip);
      } catch (error) {
        if (!(error instanceof PageFault)) throw error;
        return this.result(256 + 11, error.address);
      }
    }
  }

  private result(status: number, address: bigint): Result {
    const { machine } = this;
    const vectors = new Uint8Array(512);
    const view = new DataView(vectors.buffer);
    for (let n = 0; n < 32; n++) {
      const value = machine.xmm(n);
      view.setBigUint64(16 * n, BigInt.asUintN(64, value), true);
      view.setBigUint64(16 * n + 8, value >> 64n, true);
    }
    return {
      status,
      pc: machine.rip,
      address,
      registers: Array.from({ length: 32 }, (_, n) => machine.register(n)),
      nzcv: machine.nzcv,
      fpcr: machine.view.getUint32(STATE.fpcr, true),
      fpsr: machine.view.getUint32(STATE.fpsr, true),
      vectors,
      data: machine.read(DATA, DATA_SIZE),
    };
  }
}
