import { describe, expect, it, vi } from 'vitest';
import type { Snapshot } from '../../src/machine/address-space.js';
import { Cpu } from '../../src/machine/cpu.js';
import { Machine } from '../../src/machine/machine.js';
import { PageFault } from '../../src/machine/page-fault.js';
import { GUEST_END, PAGE, PAGE_SIZE } from '../../src/machine/state.js';
import { Random } from './random.js';

const BASE = 0x10_0000;
const PAGES = 24;
const CODE = 0x40_0000;
const READ_WRITE = PAGE.READ | PAGE.WRITE;

const faultOf = (access: () => unknown): string => {
  try {
    access();
  } catch (error) {
    if (error instanceof PageFault) return `${error.access} ${error.address.toString(16)} ${error.reason}`;
    throw error;
  }
  return 'none';
};

/** A machine with code that stores al to (rdi), reads it back to bl, and stops. */
function withCode(): { machine: Machine; run: (address: bigint, value: number) => string; load: () => void } {
  const machine = new Machine();
  const cpu = new Cpu(machine, 2);
  const load = (): void => {
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    // mov %al,(%rdi); mov (%rdi),%bl; hlt
    machine.poke(CODE, Uint8Array.of(0x88, 0x07, 0x8a, 0x1f, 0xf4));
  };
  load();
  const run = (address: bigint, value: number): string => {
    machine.rip = BigInt(CODE);
    machine.setRegister(7, address);
    machine.setRegister(0, BigInt(value));
    const stop = cpu.run(10);
    if (stop.reason === 'fault')
      return `${stop.fault.access} ${stop.fault.address.toString(16)} ${stop.fault.reason}`;
    expect(machine.register(3) & 0xffn).toBe(BigInt(value));
    return 'none';
  };
  return { machine, run, load };
}

/** What memory is, in the simplest words: a page is absent, or has permissions and bytes. */
class Model {
  pages = new Map<number, { flags: number; bytes: Uint8Array; touched: boolean }>();

  copy(): Model {
    const copy = new Model();
    for (const [page, { flags, bytes, touched }] of this.pages)
      copy.pages.set(page, { flags, bytes: bytes.slice(), touched });
    return copy;
  }

  protect(first: number, count: number, flags: number): void {
    for (let page = first; page < first + count; page++) {
      const known = this.pages.get(page);
      if (known === undefined)
        this.pages.set(page, { flags, bytes: new Uint8Array(PAGE_SIZE), touched: false });
      else known.flags = flags;
    }
  }

  unmap(first: number, count: number): void {
    for (let page = first; page < first + count; page++) this.pages.delete(page);
  }

  fault(address: number, size: number, access: 'read' | 'write', anyMapped = false): string {
    for (let at = address; at < address + size; at++) {
      const page = this.pages.get(Math.floor(at / PAGE_SIZE));
      if (page === undefined) return `${access} ${at.toString(16)} unmapped`;
      if (anyMapped) continue;
      if (access === 'write' ? (page.flags & PAGE.WRITE) === 0 : page.flags === 0)
        return `${access} ${at.toString(16)} forbidden`;
    }
    return 'none';
  }

  write(address: number, bytes: Uint8Array): void {
    for (const [index, byte] of bytes.entries()) {
      const page = this.pages.get(Math.floor((address + index) / PAGE_SIZE))!;
      page.bytes[(address + index) % PAGE_SIZE] = byte;
      page.touched = true;
    }
  }
}

describe('memory does what a simple model of it does', () => {
  it.each([1, 2, 3, 4])('maps, writes of program and kernel, snapshots, restores, forks: seed %i', (seed) => {
    const random = new Random(seed);
    let { machine, run } = withCode();
    let model = new Model();
    const snapshots: { snapshot: Snapshot; model: Model }[] = [];
    const first = BASE / PAGE_SIZE;
    const place = (): number => BASE + random.below(PAGES * PAGE_SIZE);
    const step = (): void => {
      const [page, count] = [first + random.below(PAGES - 4), 1 + random.below(4)];
      switch (random.below(10)) {
        case 0: {
          const flags = random.pick([0, PAGE.READ, READ_WRITE, READ_WRITE, READ_WRITE, PAGE.WRITE]);
          machine.protect(page * PAGE_SIZE, count * PAGE_SIZE, flags);
          model.protect(page, count, flags);
          return;
        }
        case 1:
          machine.unmap(page * PAGE_SIZE, count * PAGE_SIZE);
          model.unmap(page, count);
          return;
        case 2: {
          snapshots.push({ snapshot: machine.snapshot(), model: model.copy() });
          return;
        }
        case 3: {
          if (snapshots.length === 0) return;
          const back = random.pick(snapshots);
          machine.restore(back.snapshot);
          model = back.model.copy();
          return;
        }
        case 4: {
          const [at, bytes] = [
            place(),
            Uint8Array.from({ length: random.below(6000) }, () => random.below(256)),
          ];
          const byKernel = random.below(2) === 0;
          const wanted = model.fault(at, bytes.length, 'write', byKernel);
          expect(faultOf(() => (byKernel ? machine.poke(at, bytes) : machine.write(at, bytes)))).toBe(wanted);
          if (wanted === 'none') model.write(at, bytes);
          return;
        }
        case 5: {
          if (random.below(10) > 0) return;
          const next = withCode();
          const child = Machine.forkFrom(machine);
          next.machine.restore(child.snapshot());
          child.dispose();
          snapshots.push({ snapshot: machine.snapshot(), model: model.copy() });
          machine.dispose();
          ({ machine, run } = next);
          return;
        }
        default: {
          const [at, value] = [place(), random.below(256)];
          const wanted = model.fault(at, 1, 'write');
          expect(run(BigInt(at), value)).toBe(wanted);
          if (wanted === 'none') model.write(at, Uint8Array.of(value));
        }
      }
    };
    snapshots.push({ snapshot: machine.snapshot(), model: model.copy() });
    for (let n = 0; n < 1500; n++) {
      step();
      const [at, size] = [place(), random.below(9000)];
      const wanted = model.fault(at, size, 'read');
      expect(faultOf(() => machine.read(at, size))).toBe(wanted);
      // One page of code besides those of the model.
      expect(machine.touchedPages - 1).toBe(
        [...model.pages.values()].filter(({ touched }) => touched).length,
      );
      for (let page = first; page < first + PAGES; page++) {
        expect(machine.permission(page)).toBe(model.pages.get(page)?.flags);
        if (n % 50 !== 0 || !model.pages.has(page)) continue;
        const [ours, theirs] = [machine.peek(page * PAGE_SIZE, PAGE_SIZE), model.pages.get(page)!.bytes];
        expect(Buffer.compare(ours, theirs)).toBe(0);
      }
    }
    machine.dispose();
  });
});

describe('memory', () => {
  it('is zeros where it is mapped anew, also in a machine that takes a used memory over', () => {
    const machine = new Machine();
    machine.protect(BASE, PAGE_SIZE, READ_WRITE);
    machine.write(BASE, Uint8Array.of(1, 2, 3));
    machine.unmap(BASE, PAGE_SIZE);
    machine.protect(BASE, PAGE_SIZE, READ_WRITE);
    expect([...machine.read(BASE, 3)]).toEqual([0, 0, 0]);
    machine.write(BASE, Uint8Array.of(1, 2, 3));
    const { memory } = machine;
    machine.dispose();
    const next = new Machine();
    expect(next.memory).toBe(memory);
    expect(next.permission(BASE / PAGE_SIZE)).toBeUndefined();
    next.protect(BASE, PAGE_SIZE, READ_WRITE);
    expect([...next.read(BASE, 3)]).toEqual([0, 0, 0]);
    next.dispose();
  });

  it('says which byte of an access is the first that faults', () => {
    const { machine, run } = withCode();
    machine.protect(BASE, PAGE_SIZE, READ_WRITE);
    machine.protect(BASE + PAGE_SIZE, PAGE_SIZE, PAGE.READ);
    const end = BASE + 2 * PAGE_SIZE;
    expect(faultOf(() => machine.read(end - 4, 8))).toBe(`read ${end.toString(16)} unmapped`);
    expect(faultOf(() => machine.write(end - PAGE_SIZE - 4, new Uint8Array(8)))).toBe(
      `write ${(end - PAGE_SIZE).toString(16)} forbidden`,
    );
    expect(faultOf(() => machine.read(0xdead_beef_dead_beefn, 8))).toBe('read deadbeefdeadbeef unmapped');
    expect(run(0xdead_beef_dead_beefn, 1)).toBe('write deadbeefdeadbeef unmapped');
    expect(faultOf(() => machine.read(GUEST_END, 1))).toBe(`read ${GUEST_END.toString(16)} unmapped`);
  });

  it('touches no page beyond its limit', () => {
    const { machine, run } = withCode();
    machine.protect(BASE, 8 * PAGE_SIZE, READ_WRITE);
    machine.pageLimit = 3;
    expect(run(BigInt(BASE), 1)).toBe('none');
    expect(run(BigInt(BASE + PAGE_SIZE), 1)).toBe('none');
    expect(run(BigInt(BASE + 2 * PAGE_SIZE), 1)).toBe(`write ${(BASE + 2 * PAGE_SIZE).toString(16)} limit`);
    expect(faultOf(() => machine.poke(BASE + 3 * PAGE_SIZE, Uint8Array.of(1)))).toMatch(/limit/);
    machine.unmap(BASE, PAGE_SIZE);
    expect(run(BigInt(BASE + 2 * PAGE_SIZE), 1)).toBe('none');
  });

  it('asks once more before an access becomes a fault', () => {
    const { machine, run } = withCode();
    const asked: string[] = [];
    machine.onMissing = (address, access) => {
      asked.push(`${access} ${address.toString(16)}`);
      machine.protect(Math.floor(address / PAGE_SIZE) * PAGE_SIZE, PAGE_SIZE, READ_WRITE);
      return true;
    };
    expect(run(BigInt(BASE + 5), 7)).toBe('none');
    expect(asked).toEqual([`write ${(BASE + 5).toString(16)}`]);
  });
});

describe('translated code follows the program', () => {
  const program = (value: number): Uint8Array => Uint8Array.of(0xb0, value, 0xf4);
  const runs = (machine: Machine, cpu: Cpu): bigint => {
    let last = 0n;
    for (let n = 0; n < 5; n++) {
      machine.rip = BigInt(CODE);
      cpu.run(10);
      last = machine.register(0);
    }
    return last;
  };

  it('where the kernel writes code, where it is mapped anew, and after a restore', () => {
    const machine = new Machine();
    const cpu = new Cpu(machine, 2);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    machine.poke(CODE, program(1));
    expect(runs(machine, cpu)).toBe(1n);
    const before = machine.snapshot();
    machine.poke(CODE, program(2));
    expect(runs(machine, cpu)).toBe(2n);
    const after = machine.snapshot();
    machine.restore(before);
    expect(runs(machine, cpu)).toBe(1n);
    machine.restore(after);
    expect(runs(machine, cpu)).toBe(2n);
    machine.unmap(CODE, PAGE_SIZE);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    machine.poke(CODE, program(3));
    expect(runs(machine, cpu)).toBe(3n);
  });

  it('where the program writes it itself', () => {
    const machine = new Machine();
    const cpu = new Cpu(machine, 2);
    machine.protect(CODE, PAGE_SIZE, 7);
    // 1: incb 3f(%rip) = the immediate; mov $0,%al; dec %ecx; jnz 1b; hlt
    machine.poke(CODE, Uint8Array.of(0xfe, 0x05, 1, 0, 0, 0, 0xb0, 0, 0xff, 0xc9, 0x75, 0xf4, 0xf4));
    machine.rip = BigInt(CODE);
    machine.setRegister(1, 100n);
    const stop = cpu.run(10_000);
    expect(stop).toMatchObject({ reason: 'trap', trap: 'halt' });
    expect(machine.register(0)).toBe(100n);
  });

  it('without translating anew what a fork, a restored snapshot or a second run has in common with it', () => {
    const made = vi.spyOn(Machine.prototype, 'module');
    const machine = new Machine();
    const cpu = new Cpu(machine, 2, 0);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    machine.poke(CODE, program(77));
    const before = machine.snapshot();
    expect(runs(machine, cpu)).toBe(77n);
    const translated = made.mock.calls.length;
    expect(translated).toBeGreaterThan(0);
    const fork = Machine.forkFrom(machine);
    expect(runs(fork, new Cpu(fork, 2, 0))).toBe(77n);
    machine.restore(before);
    expect(runs(machine, cpu)).toBe(77n);
    machine.unmap(CODE, PAGE_SIZE);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    machine.poke(CODE, program(77));
    expect(runs(machine, cpu)).toBe(77n);
    expect(made.mock.calls.length).toBe(translated);
    // What differs is translated.
    fork.poke(CODE, program(78));
    expect(runs(fork, new Cpu(fork, 2, 0))).toBe(78n);
    expect(made.mock.calls.length).toBeGreaterThan(translated);
    made.mockRestore();
  });

  it('not where it may not execute', () => {
    const machine = new Machine();
    const cpu = new Cpu(machine, 2);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ | PAGE.EXECUTE);
    machine.poke(CODE, program(1));
    expect(runs(machine, cpu)).toBe(1n);
    machine.protect(CODE, PAGE_SIZE, PAGE.READ);
    machine.rip = BigInt(CODE);
    const stop = cpu.run(10);
    expect(stop.reason === 'fault' && stop.fault.message).toMatch(/execute at 0x400000 \(forbidden\)/);
  });
});
