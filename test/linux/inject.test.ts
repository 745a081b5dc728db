import { describe, expect, it } from 'vitest';
import { SIG } from '../../src/abi/signals.js';
import { findSyscall, inThread, withBytes } from '../../src/linux/inject.js';
import { tryCall } from '../../src/linux/libc.js';
import { mapsOf } from '../../src/linux/procfs.js';
import * as ptrace from '../../src/linux/ptrace.js';
import { encodeFilter, RET, sectionFilter } from '../../src/linux/seccomp.js';
import { go } from '../../src/linux/spawn.js';
import { waitFor } from '../../src/linux/wait.js';
import { reason, title } from './here.js';
import { start, traced, until } from './traced.js';

describe.skipIf(reason !== undefined)(title('calls that a tracee is made to make'), () => {
  it('are its own, and leave no trace', () => {
    const pid = traced([process.execPath, '-e', 'process.exit(6)']);
    const instruction = findSyscall(pid)!;
    const before = ptrace.getRegisters(pid).words.slice();
    const maps = mapsOf(pid);
    inThread(pid, instruction, (call) => {
      expect(call('getpid')).toBe(BigInt(pid));
      expect(() => call('close', -1)).toThrow('EBADF');
      withBytes(
        pid,
        call,
        () => new TextEncoder().encode('/nowhere\0'),
        (address) => expect(() => call('chdir', address)).toThrow('ENOENT'),
      );
    });
    const after = ptrace.getRegisters(pid).words;
    const rax = ptrace.USER_REGISTERS.indexOf('rax');
    // exec gives 0.
    expect(after.with(rax, 0n).with(rax + 5, 0n)).toEqual(before.with(rax, 0n).with(rax + 5, 0n));
    expect(after[rax]).toBe(0n);
    expect(mapsOf(pid)).toEqual(maps);
    ptrace.detach(pid);
    expect(waitFor(pid)).toEqual({ kind: 'exited', tid: pid, status: 6 });
  });

  it('install a filter that the kernel takes', () => {
    const pid = traced(['/bin/sh', '-c', 'exit 3']);
    const maps = mapsOf(pid);
    const _libraries = maps.filter(({ name }) => !name.startsWith('['));
    const filter = encodeFilter(sectionFilter([], RET.ERRNO | 1));
    inThread(pid, findSyscall(pid)!, (call) => {
      const PR_SET_NO_NEW_PRIVS = 38;
      call('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const program = (address: bigint): Uint8Array => {
        const words = new BigUint64Array([BigInt(filter.length / 8), address + 16n]);
        return Uint8Array.from([...new Uint8Array(words.buffer), ...filter]);
      };
      const SET_MODE_FILTER = 1;
      withBytes(pid, call, program, (address) =>
        expect(call('seccomp', SET_MODE_FILTER, 0, address)).toBe(0n),
      );
    });
    ptrace.detach(pid);
    expect(waitFor(pid)).toEqual({ kind: 'exited', tid: pid, status: 3 });
  });

  it('end where the process is killed, though its first thread ends behind the others', () => {
    const pid = start(['examples/stress/counters', 'good', '1', '1000000000000']);
    ptrace.seize(pid, ptrace.traceOptions('EXEC', 'CLONE'));
    go(pid);
    until(pid, 'event', 'EXEC');
    const instruction = findSyscall(pid)!;
    ptrace.cont(pid, 0);
    until(pid, 'event', 'CLONE');
    ptrace.cont(pid, 0);
    // To this thread: the kernel might choose the other one.
    tryCall('tkill', pid, SIG.SIGWINCH);
    until(pid, 'signal');
    const sleeps = `until grep -q '^State:.S' /proc/${pid}/task/${pid}/status; do :; done`;
    go(start(['/bin/sh', '-c', `${sleeps}; kill -KILL ${pid}`]));
    expect(() => inThread(pid, instruction, (call) => call('pause'))).toThrow('ESRCH');
  });
});
