import { describe, expect, it } from 'vitest';
import { ERRNO } from '../../src/abi/errno.js';
import { SIG } from '../../src/abi/signals.js';
import { addressOf } from '../../src/linux/libc.js';
import { readForced, readMemory, readPieces, writeMemory } from '../../src/linux/memory.js';
import {
  auxvOf,
  commandLine,
  executableOf,
  KERNEL_THREAD,
  mapsOf,
  threadStat,
  threadsOf,
} from '../../src/linux/procfs.js';
import * as ptrace from '../../src/linux/ptrace.js';
import { go } from '../../src/linux/spawn.js';
import { waitFor } from '../../src/linux/wait.js';
import { reason, title } from './here.js';
import { start, traced, until } from './traced.js';

describe.skipIf(reason !== undefined)(title('a process of ours'), () => {
  it('waits in front of exec, and gives its exit status', () => {
    const pid = start(['/bin/sh', '-c', 'exit 7']);
    expect(threadStat(pid)).toMatchObject({ state: 'T', name: expect.not.stringMatching(/^sh$/) });
    expect(go(pid)).toBe(true);
    expect(waitFor(pid)).toEqual({ kind: 'exited', tid: pid, status: 7 });
    expect(waitFor(pid)).toBeUndefined();
  });

  it('makes its first calls, and ends with the errno of one that fails', () => {
    const limited = start(
      ['/bin/sh', '-c', 'ulimit -n'],
      [{ name: 'chdir', arguments: [new TextEncoder().encode('/nowhere\0')] }],
    );
    go(limited);
    expect(waitFor(limited)).toEqual({ kind: 'exited', tid: limited, status: ERRNO.ENOENT });
    const RLIMIT_NOFILE = 7;
    const words = new Uint8Array(new BigUint64Array([33n, 33n]).buffer);
    const pid = start(
      ['/bin/sh', '-c', '[ "$(ulimit -n)" = 33 ] && kill -PIPE $$'],
      [{ name: 'setrlimit', arguments: [RLIMIT_NOFILE, words] }],
    );
    go(pid);
    expect(waitFor(pid)).toMatchObject({ kind: 'killed', signal: SIG.SIGPIPE });
  });

  it('is not started where there is no such program, or none that may be run', () => {
    expect(() => start(['no-such-program'])).toThrow('exec of no-such-program: ENOENT');
    expect(() => start(['/dev/null'])).toThrow('exec of /dev/null: EACCES');
    expect(() => start(['/'])).toThrow('exec of /: EACCES');
  });

  it('can be traced from its first instruction, and left', () => {
    const pid = traced([process.execPath, '-e', 'process.exit(5)']);
    expect(executableOf(pid)).toBe(process.execPath);
    expect(commandLine(pid)).toEqual([process.execPath, '-e', 'process.exit(5)']);
    const registers = ptrace.getRegisters(pid);
    // No libc has run: nothing is registered.
    expect(ptrace.rseqConfiguration(pid)).toBeUndefined();
    const AT_ENTRY = 9;
    const code = readMemory(pid, registers.get('rip'), 16);
    expect(code).toEqual(readForced(pid, registers.get('rip'), 16));
    expect(auxvOf(pid).get(AT_ENTRY)).toBeDefined();
    const before = registers.get('rip');
    // The first step ends with the system call.
    for (let step = 0; step < 2; step++) {
      ptrace.singleStep(pid);
      expect(waitFor(pid)).toEqual({ kind: 'signal', tid: pid, signal: SIG.SIGTRAP });
    }
    expect(ptrace.getRegisters(pid).get('rip')).not.toBe(before);
    ptrace.detach(pid);
    expect(waitFor(pid)).toEqual({ kind: 'exited', tid: pid, status: 5 });
  });

  it('tells what its threads have registered, by glibc', () => {
    const pid = traced([process.execPath, '-e', '0']);
    ptrace.cont(pid);
    until(pid, 'event', 'EXIT');
    expect(ptrace.rseqConfiguration(pid) ?? 'nothing, by a libc without rseq').toSatisfy(
      (found) =>
        typeof found === 'string' ||
        (found.length >= 32 && found.signature === 0x53053053 && found.flags === 0),
    );
  });
});

describe.skipIf(reason !== undefined)(title('memory and /proc'), () => {
  const bytes = new Uint8Array(8192).map((_, at) => at * 7);
  const there = (at: number): bigint => addressOf(bytes) + BigInt(at);

  it('reads and writes', () => {
    expect(readMemory(process.pid, there(100), 50)).toEqual(bytes.slice(100, 150));
    expect(writeMemory(process.pid, there(8), Uint8Array.of(1, 2, 3))).toBe(true);
    expect([...bytes.subarray(7, 12)]).toEqual([49, 1, 2, 3, 77]);
    expect(readMemory(process.pid, 0n, 1)).toBeUndefined();
    expect(writeMemory(process.pid, 0n, Uint8Array.of(1))).toBe(false);
    expect(() => readMemory(0x7fff_fff0, 0n, 1)).toThrow('process_vm_readv: ESRCH');
  });

  it('reads many pieces, also around holes', () => {
    const pieces = Array.from({ length: 3000 }, (_, n) =>
      n % 7 === 3 ? { address: 16n, size: 4 } : { address: there(n), size: (n % 5) + 1 },
    );
    expect(readPieces(process.pid, pieces)).toEqual(
      pieces.map(({ size }, n) => (n % 7 === 3 ? undefined : bytes.subarray(n, n + size))),
    );
  });

  it('knows maps and threads', () => {
    const map = mapsOf(process.pid).find(({ start, end }) => start <= there(0) && there(0) < end)!;
    expect(map).toMatchObject({ readable: true, writable: true, executable: false });
    expect(mapsOf(process.pid).some(({ name, executable }) => name === process.execPath && executable)).toBe(
      true,
    );
    expect(threadsOf(process.pid)).toContain(process.pid);
    expect(threadsOf(0x7fff_fff0)).toEqual([]);
    expect(threadStat(0x7fff_fff0)).toBeUndefined();
    expect(threadStat(process.pid)).toMatchObject({
      parent: process.ppid,
      state: expect.stringMatching(/[RS]/),
    });
    const kthreadd = threadStat(2);
    if (kthreadd?.name === 'kthreadd') expect(kthreadd.flags & KERNEL_THREAD).not.toBe(0);
  });
});
