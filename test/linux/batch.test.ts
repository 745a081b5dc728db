import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/abi/errno.js';
import { PTRACE } from '../../src/abi/ptrace-requests.js';
import { SIG } from '../../src/abi/signals.js';
import { at, Batch, call, end, jump, label, load, set, when } from '../../src/linux/batch.js';
import { machineCode } from '../../src/linux/batch-code.js';
import { go } from '../../src/linux/spawn.js';
import { waitFor } from '../../src/linux/wait.js';
import { reason, title } from './here.js';
import { start } from './traced.js';

const WALL = 0x4000_0000;

describe.skipIf(reason !== undefined)(title('a batch of system calls'), () => {
  it('is machine code here', () => expect(machineCode()).toBeDefined());

  describe.each([
    ['as machine code', () => new Batch(4096)],
    ['call by call', () => new Batch(4096, true)],
  ])('%s', (_, make) => {
    it('keeps what each call returns, errors too', () => {
      const batch = make();
      const [own, none, closed] = [batch.cell(), batch.cell(), batch.cell()];
      const run = batch.program([
        call(own, 'getpid'),
        call(none, 'kill', own, 200),
        call(closed, 'close', -1),
        end(7),
      ]);
      expect(run()).toBe(7);
      expect(own.number()).toBe(process.pid);
      expect(none.number()).toBe(-ERRNO.EINVAL);
      expect(closed.number()).toBe(-ERRNO.EBADF);
    });

    it('counts, compares, and follows pointers', () => {
      const batch = make();
      const table = batch.room(5 * 8);
      const [place, sum, value, turns] = [batch.cell(), batch.cell(), batch.cell(), batch.cell()];
      const run = batch.program([
        set(place, table.address),
        set(sum, 0),
        label('fill'),
        set(at(place), turns, 0x1_0000_0000n),
        set(turns, turns, 1),
        set(place, place, 8),
        when(turns, '<', 5, 'fill'),
        set(place, table.address),
        label('add'),
        load(value, place, 0, 0xffff_ffff),
        set(sum, sum, value),
        set(place, place, 8),
        when(place, '=', table.address + 40n, 'added'),
        jump('add'),
        label('added'),
        when(sum, '!=', 10, 'wrong'),
        when(-1, '<', 0, 'right'),
        label('wrong'),
        end(1),
        label('right'),
        end(2),
      ]);
      expect(run()).toBe(2);
      expect([...new BigUint64Array(table.bytes.slice().buffer)]).toEqual(
        [0, 1, 2, 3, 4].map((n) => 0x1_0000_0000n + BigInt(n)),
      );
      expect(sum.get()).toBe(10n);
      // The cells are as they were left: the second time the loops end at once.
      turns.set(4);
      expect(run()).toBe(1);
    });

    it('traces a process, and leaves it', () => {
      const pid = start(['/bin/sh', '-c', 'exit 5']);
      const batch = make();
      const [status, got] = [batch.cell(), batch.cell()];
      const registers = batch.room(27 * 8);
      const run = batch.program([
        call(got, 'ptrace', PTRACE.SEIZE, pid, 0, 0),
        when(got, '<', 0, 'refused'),
        call(got, 'ptrace', PTRACE.INTERRUPT, pid, 0, 0),
        call(got, 'wait4', pid, status.address, WALL, 0),
        call(got, 'ptrace', PTRACE.GETREGS, got, 0, registers.address),
        call(got, 'ptrace', PTRACE.DETACH, pid, 0, 0),
        end(0),
        label('refused'),
        end(1),
      ]);
      expect(run()).toBe(0);
      expect(status.number() & 0xff).toBe(0x7f);
      expect((status.number() >> 8) & 0xff).toBe(SIG.SIGSTOP);
      expect(
        new DataView(registers.bytes.buffer, registers.bytes.byteOffset).getBigUint64(16 * 8, true),
      ).not.toBe(0n);
      go(pid);
      expect(waitFor(pid)).toEqual({ kind: 'exited', tid: pid, status: 5 });
    });
  });

  it('says what is wrong with a table', () => {
    const batch = new Batch(1024);
    expect(() => batch.program([jump('nowhere'), end()])).toThrow('a batch has no label nowhere');
    expect(() => batch.room(2000)).toThrow('a batch of 1032 bytes is full');
  });
});
