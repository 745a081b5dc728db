import { describe, expect, it } from 'vitest';
import { RSEQ, RSEQ_CS } from '../../src/abi/rseq.js';
import type { Event } from '../../src/event/event.js';
import { EVENT_KINDS } from '../../src/event/fields.js';
import { EventHash } from '../../src/event/hash.js';
import { eventJson } from '../../src/event/json.js';
import { EVENT_COLUMNS, eventText } from '../../src/report/event-text.js';

const stamp = { time: 1_000_000_123, cpu: 1, tid: 1000 };
const TOP = (1n << 64n) - 1n;
const descriptor = RSEQ_CS.write({
  version: 0,
  flags: 0,
  start_ip: 0x401000n,
  post_commit_offset: 0x20n,
  abort_ip: 0x401040n,
});
const area = (rseq_cs: bigint): Uint8Array =>
  RSEQ.write({ cpu_id_start: 1, cpu_id: 1, rseq_cs, flags: 0, node_id: 0, mm_cid: 2 }, true, 32);

/** One of each kind, with values at the edge, and its line. */
const EVENTS: readonly (readonly [Event, string])[] = [
  [
    { ...stamp, kind: 'start', pid: 1000, parent: 0, how: 'exec', name: 'a\nb' },
    'exec pid=1000 parent=0 a\\x0ab',
  ],
  [{ ...stamp, kind: 'exit', pid: 1000, status: 0x300 }, 'pid=1000 status 3'],
  [{ ...stamp, kind: 'exit', pid: 1000, status: 0x8b }, 'pid=1000 killed by SIGSEGV'],
  [{ ...stamp, kind: 'exec', path: '/bin/true' }, '/bin/true'],
  [{ ...stamp, kind: 'switch', from: 1000, to: 1001, voluntary: false }, '1000 ==> 1001 (preempted)'],
  [{ ...stamp, kind: 'migrate', from: 0, to: 1 }, 'cpu 0 ==> 1'],
  [{ ...stamp, kind: 'wake' }, ''],
  [
    { ...stamp, kind: 'syscall', number: 9, name: 'mmap', arguments: [0n, 4096n, 3n, 0x22n, TOP, 0n] },
    'mmap(0, 0x1000, 3, 34, -1, 0)',
  ],
  [
    { ...stamp, kind: 'syscall', number: 202, name: 'futex', arguments: [0x4000n, 128n, 7n, 0n, 0n, 0n] },
    'futex(0x4000, FUTEX_WAIT_PRIVATE, 7)',
  ],
  [
    { ...stamp, kind: 'syscall', number: 324, name: 'membarrier', arguments: [128n, 1n, 3n, 0n, 0n, 0n] },
    'membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 1, 3)',
  ],
  [{ ...stamp, kind: 'return', name: 'mmap', value: 0xd0000000n }, 'mmap = 0xd0000000'],
  [{ ...stamp, kind: 'return', name: 'rseq', value: -22n, error: 'EINVAL' }, 'rseq = -1 EINVAL'],
  [
    { ...stamp, kind: 'signal', signal: 'SIGSEGV', action: 'default', ip: 0x401000n, code: 1, address: TOP },
    'SIGSEGV default ip=0x401000 si_code=1 si_addr=0xffffffffffffffff',
  ],
  [
    { ...stamp, kind: 'register', address: 0x5000n, length: 32, signature: 0x53053053, flags: 0 },
    'rseq=0x5000 len=32 sig=0x53053053 flags=0',
  ],
  [
    { ...stamp, kind: 'unregister', address: 0x5000n, length: 32, signature: 0x53053053, flags: 1 },
    'rseq=0x5000 len=32 sig=0x53053053 flags=RSEQ_FLAG_UNREGISTER',
  ],
  [{ ...stamp, kind: 'rseq-update', cpuId: 1, nodeId: 0, mmCid: -1 }, 'cpu_id=1 node_id=0 mm_cid=-1'],
  [
    {
      ...stamp,
      kind: 'abort',
      ip: 0x401010n,
      startIp: 0x401000n,
      postCommitOffset: 32n,
      abortIp: 0x401040n,
      causes: ['migrate', 'preempt'],
    },
    'migrate+preempt ip=0x401010 start_ip=0x401000 post_commit_offset=32 abort_ip=0x401040',
  ],
  [{ ...stamp, kind: 'clear', rseqCs: 0x6000n, ip: 0x401090n }, 'rseq_cs=0x6000 ip=0x401090'],
  [
    { ...stamp, kind: 'violation', rule: 'version', message: 'it is 1', ip: 1n, rseqCs: 2n },
    '[version] it is 1; ip=0x1 rseq_cs=0x2',
  ],
  [{ ...stamp, kind: 'annotated', name: 'write', actions: 3, cookie: 7n }, 'write actions=3 cookie=7'],
  [{ ...stamp, kind: 'slice', what: 'granted' }, 'granted'],
  [{ ...stamp, kind: 'log', text: 'a message' }, 'a message'],
  [{ ...stamp, kind: 'unknown-syscall', number: 999, name: 'syscall_999' }, 'syscall_999 (999) = -1 ENOSYS'],
  [{ ...stamp, kind: 'unknown-instruction', ip: 16n, bytes: '0f0b', text: 'ud2' }, 'ip=0x10 0f0b ud2'],
  [{ ...stamp, kind: 'out-of-memory', pid: 1000, pages: 11, limit: 10 }, 'pid=1000 11 pages of 10'],
  [{ ...stamp, kind: 'output', fd: 1, bytes: Uint8Array.of(0, 34, 255, 10) }, 'fd=1 "\\x00\\"\\xff\\n" 4'],
];

describe('every kind of event', () => {
  it('is among these', () => {
    expect([...new Set(EVENTS.map(([{ kind }]) => kind))].sort()).toEqual([...EVENT_KINDS].sort());
  });

  it.each(EVENTS.map(([event, details]) => [event.kind, event, details] as const))(
    'as text: %s',
    (kind, event, details) => {
      const line = eventText(event, 7);
      expect(line).toBe(
        `${'7'.padStart(7)}    1.000000123   [1]   1000  ${kind.padEnd(13)} ${details}`.trimEnd(),
      );
      expect(line.indexOf(kind)).toBe(EVENT_COLUMNS.indexOf('kind'));
    },
  );

  it('as JSON holds every field, in values that JSON has', () => {
    for (const [event] of EVENTS) {
      const json = JSON.parse(JSON.stringify(eventJson(event, 7)));
      const { kind, time, cpu, tid, ...rest } = event;
      expect(json).toMatchObject({ n: 7, kind, time, cpu, tid });
      for (const name of Object.keys(rest)) expect(json).toHaveProperty(name);
    }
  });

  it('hashes differently when any field is different', () => {
    const hashOf = (event: Event): string => {
      const hash = new EventHash();
      hash.add(event);
      return hash.text();
    };
    for (const [event] of EVENTS) {
      const variants: Event[] = [
        event,
        { ...event, time: event.time + 1 },
        { ...event, cpu: 2 },
        { ...event, tid: 3 },
      ];
      for (const [name, value] of Object.entries(event))
        if (!['kind', 'time', 'cpu', 'tid', 'message', 'text'].includes(name))
          variants.push({ ...event, [name]: changed(value) } as Event);
      expect(new Set(variants.map(hashOf)).size, event.kind).toBe(variants.length);
      if (event.kind === 'violation')
        expect(hashOf({ ...event, message: 'other words' })).toBe(hashOf(event));
    }
  });
});

function changed(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'bigint') return value ^ 1n;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `${value}x`;
  if (value instanceof Uint8Array) return Uint8Array.of(...value, 0);
  return [...(value as unknown[]), (value as unknown[])[0]];
}

describe('rseq(2), as strace 7.0 prints it', () => {
  const call = (
    address: bigint,
    data?: readonly { address: bigint; bytes: Uint8Array }[],
    flags = 0n,
  ): string => {
    const args = [address, 32n, flags, 0x53053053n, 0n, 0n];
    const event: Event = {
      ...stamp,
      kind: 'syscall',
      number: 334,
      name: 'rseq',
      arguments: args,
      ...(data && { data }),
    };
    return eventText(event, 1).replace(/^.*syscall +/, '');
  };

  it.each([
    ['NULL', call(0n), 'rseq(NULL, 32, 0, 0x53053053)'],
    ['not readable', call(0x5001n, undefined, 5n), 'rseq(0x5001, 32, RSEQ_FLAG_UNREGISTER|0x4, 0x53053053)'],
    [
      'no section',
      call(0x5000n, [{ address: 0x5000n, bytes: area(0n) }]),
      'rseq({cpu_id_start=1, cpu_id=1, rseq_cs=NULL, flags=0, node_id=0, mm_cid=2, slice_ctrl={request=0, granted=0, __reserved=0}}, 32, 0, 0x53053053)',
    ],
    [
      'a section',
      call(0x5000n, [
        { address: 0x5000n, bytes: area(0x6000n) },
        { address: 0x6000n, bytes: descriptor },
      ]),
      'rseq({cpu_id_start=1, cpu_id=1, rseq_cs={version=0, flags=0, start_ip=0x401000, post_commit_offset=0x20, abort_ip=0x401040} /* 0x6000 */, flags=0, node_id=0, mm_cid=2, slice_ctrl={request=0, granted=0, __reserved=0}}, 32, 0, 0x53053053)',
    ],
  ])('%s', (_, line, expected) => {
    expect(line).toBe(expected);
  });
});
